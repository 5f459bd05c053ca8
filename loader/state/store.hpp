// SPDX-License-Identifier: BSD-2-Clause
// The directory in bpffs that holds all state of dynmon: where things are, that it is safe, and
// whose it is.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "state/hook_id.hpp"
#include "state/lock.hpp"

namespace dynmon {

// Root looks at the store of the units, which belongs to their user.

inline constexpr const char* service_user = "dynmon"; // systemd/dynmon.sysusers makes it

// Called as root, where the store at `bpffs` (--bpffs) belongs to the user `dynmon`: the process
// becomes that user, for good and without any capability, so that nothing in that store can do more
// than its owner. Else without effect: Store::open() says then whose it is.
void become_store_user(const std::string& bpffs);

inline constexpr const char* default_store = "/sys/fs/bpf/dynmon";
inline constexpr std::string_view staging_prefix = "__stage_";

// Names below the root of a store. Pure.
class StorePaths {
public:
    explicit StorePaths(std::string root) : root_(std::move(root)) {}

    const std::string& root() const { return root_; }
    std::string hook_dir(const HookId& id) const { return hooks_dir() + "/" + hook_dir_name(id); }
    std::string hooks_dir() const { return root_ + "/hooks"; }
    std::string monitor_dir(const std::string& name) const { return monitors_dir() + "/" + name; }
    std::string monitors_dir() const { return root_ + "/monitors"; }
    // A fresh name below `directory` that no reader takes for something published.
    std::string staging_dir(const std::string& directory) const;

private:
    std::string root_;
};

class Store : public StorePaths {
public:
    // Opens (and with `create`, makes) the store at `root`. When `root` is where a bpffs is
    // mounted, the store is its subdirectory "dynmon". Checks that it is on a bpffs, belongs to
    // the caller and is closed to others; throws Error{usage} or Error{rejected} with what to do.
    static Store open(const std::string& root, bool create, const LockPatience& patience);
    static std::string root_of(const std::string& root); // where open() looks for it

    bool present() const { return present_; } // false: nothing was ever loaded here
    const LockPatience& patience() const { return patience_; }

    std::vector<std::string> monitors() const; // published names
    std::vector<HookId> hooks() const;

    DirectoryLock lock(DirectoryLock::Mode mode) const; // the whole store
    // Nothing: the last unload has removed it.
    std::optional<DirectoryLock> try_lock(DirectoryLock::Mode mode) const;
    void make_directories(const DirectoryLock& lock) const; // hooks and monitors, if missing
    // Removes a published directory: it vanishes in one step, so that no process meets half of it,
    // and what a process killed after that leaves is swept up like a load that was never published.
    void discard(const std::string& directory) const;
    // Removes the store's own directories when nothing is in them. `lock` is exclusive.
    void remove_if_empty(const DirectoryLock& lock) const;
    void require_monitor(const std::string& name) const; // throws Error{failed}, nearest name
    // One monitor; throws as require_monitor().
    DirectoryLock lock_monitor(const std::string& name, DirectoryLock::Mode mode) const;
    // The whole store, for work on that monitor, whose own lock is held. A load that failed may
    // have taken it back meanwhile: throws as require_monitor().
    DirectoryLock lock_for(const std::string& name, DirectoryLock::Mode mode) const;
    // Nothing: there is no such monitor.
    std::optional<DirectoryLock> try_lock_monitor(const std::string& name,
                                                  DirectoryLock::Mode mode) const;
    // Whether a reader or writer holds the monitor's lock now. Does not wait.
    bool is_in_use(const std::string& name) const;

private:
    Store(std::string root, bool present, LockPatience patience)
        : StorePaths(std::move(root)), present_(present), patience_(std::move(patience)) {}

    std::optional<DirectoryLock> lock_existing(const std::string& directory,
                                               DirectoryLock::Mode mode) const;

    bool present_;
    LockPatience patience_;
};

} // namespace dynmon
