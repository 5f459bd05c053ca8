// SPDX-License-Identifier: BSD-2-Clause
#include "state/store.hpp"

#include <cerrno>
#include <filesystem>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

void become_store_user(const std::string& bpffs) {
    if (geteuid() != 0 || bpffs.empty())
        return;
    struct stat status {};
    if (::lstat(Store::root_of(bpffs).c_str(), &status) != 0 || status.st_uid == 0)
        return; // most stores: without a look through the name services, which is dear
    const passwd* const user = ::getpwnam(service_user);
    if (user == nullptr || status.st_uid != user->pw_uid)
        return;
    if (::setgroups(0, nullptr) != 0 ||
        ::setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        ::setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        throw Error(ErrorKind::failed,
                    std::string("become user '") + service_user + "', whose store this is", errno);
    ::prctl(PR_SET_DUMPABLE, 1); // else /proc/self is root's, and its namespaces cannot be opened
}

namespace {

bool on_bpffs(const std::string& path) {
    struct statfs filesystem {};
    if (statfs(path.c_str(), &filesystem) == 0)
        return filesystem.f_type == BPF_FS_MAGIC;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
        throw Error(ErrorKind::failed, "look at the file system of " + path, errno);
    return false;
}

std::string parent_of(const std::string& path) {
    return std::filesystem::path(path).parent_path().string();
}

bool is_mount_root(const std::string& path) {
    struct stat self {};
    struct stat parent {};
    return stat(path.c_str(), &self) == 0 && stat((path + "/..").c_str(), &parent) == 0 &&
           self.st_dev != parent.st_dev;
}

std::string without_trailing_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    return path;
}

void require_bpffs(const std::string& directory) {
    struct statfs filesystem {};
    const int reason = statfs(directory.c_str(), &filesystem) == 0 ? 0 : errno;
    if (reason == 0 && filesystem.f_type == BPF_FS_MAGIC)
        return;
    Error error(ErrorKind::usage, directory + " is not on a BPF file system", reason);
    error.hint("instead of `ip netns exec NS`, which hides it, use `nsenter --net=/run/netns/NS`; "
               "where there is none, as in most containers, mount one with `mount -t bpf bpf "
               "/sys/fs/bpf`");
    throw error;
}

void require_private(const std::string& root) {
    struct stat status {};
    if (lstat(root.c_str(), &status) != 0)
        throw Error(ErrorKind::failed, "stat " + root, errno);
    if (!S_ISDIR(status.st_mode))
        throw Error(ErrorKind::rejected, root + " is not a directory");
    if (status.st_uid != geteuid() && geteuid() != 0)
        throw Error(ErrorKind::rejected, root + " belongs to user " + std::to_string(status.st_uid))
            .hint((status.st_uid == 0 ? "run as root" : "run as its owner") +
                  std::string(", or with --bpffs DIR of your own"));
    if (status.st_uid != geteuid())
        throw Error(ErrorKind::rejected,
                    root + " belongs to user " + std::to_string(status.st_uid) + ", not to root")
            .hint("if it is meant to be that user's, run as that user: setpriv --reuid=" +
                  std::to_string(status.st_uid) +
                  " …; else look at it, and remove it or chown -R "
                  "root it");
    if ((status.st_mode & 0027) != 0)
        throw Error(ErrorKind::rejected, root + " is open to others").hint("chmod 0700 " + root);
}

} // namespace

std::string Store::root_of(const std::string& wanted) {
    std::string root = without_trailing_slashes(wanted);
    if (on_bpffs(root) && is_mount_root(root))
        root += "/dynmon";
    return root;
}

Store Store::open(const std::string& wanted, bool create, const LockPatience& patience) {
    if (wanted.empty())
        throw Error(ErrorKind::usage, "--bpffs is empty").hint("it names a directory in bpffs");
    const std::string root = root_of(wanted);
    for (;;) {
        if (!exists(root)) {
            require_bpffs(parent_of(root));
            if (!create)
                return Store(root, false, patience);
            ensure_directory(root);
        }
        try {
            require_bpffs(root);
            require_private(root);
            const Store store(root, true, patience);
            require_directory(store.hooks_dir());
            require_directory(store.monitors_dir());
            return store;
        } catch (const Error& error) {
            if (error.error_number() != ENOENT) // removed a moment ago, by the last unload
                throw;
        }
    }
}

std::string StorePaths::staging_dir(const std::string& directory) const {
    static int counter = 0;
    return directory + "/" + std::string(staging_prefix) + std::to_string(getpid()) + "_" +
           std::to_string(++counter);
}

std::vector<std::string> Store::monitors() const {
    std::vector<std::string> names;
    for (std::string& name : list_directory(monitors_dir()))
        if (is_identifier(name))
            names.push_back(std::move(name));
    return names;
}

std::vector<HookId> Store::hooks() const {
    std::vector<HookId> ids;
    for (const std::string& name : list_directory(hooks_dir()))
        if (const auto id = parse_hook_dir_name(name))
            ids.push_back(*id);
    return ids;
}

DirectoryLock Store::lock(DirectoryLock::Mode mode) const {
    return DirectoryLock(root(), mode, patience_);
}

DirectoryLock Store::lock_monitor(const std::string& name, DirectoryLock::Mode mode) const {
    for (;;) {
        require_monitor(name);
        try {
            return DirectoryLock(monitor_dir(name), mode, patience_);
        } catch (const Error& error) {
            if (error.error_number() != ENOENT) // unloaded since, and maybe loaded again
                throw;
        }
    }
}

DirectoryLock Store::lock_for(const std::string& name, DirectoryLock::Mode mode) const {
    for (;;) {
        auto held = try_lock(mode);
        require_monitor(name);
        if (held)
            return std::move(*held);
    }
}

std::optional<DirectoryLock> Store::try_lock_monitor(const std::string& name,
                                                     DirectoryLock::Mode mode) const {
    return lock_existing(monitor_dir(name), mode);
}

bool Store::is_in_use(const std::string& name) const {
    try {
        const DirectoryLock held(monitor_dir(name), DirectoryLock::Mode::shared, no_patience());
        return false;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::busy)
            throw;
        return true;
    }
}

std::optional<DirectoryLock> Store::try_lock(DirectoryLock::Mode mode) const {
    return lock_existing(root(), mode);
}

std::optional<DirectoryLock> Store::lock_existing(const std::string& directory,
                                                  DirectoryLock::Mode mode) const {
    try {
        return DirectoryLock(directory, mode, patience_);
    } catch (const Error& error) {
        if (error.error_number() != ENOENT)
            throw;
        return std::nullopt;
    }
}

void Store::make_directories(const DirectoryLock&) const {
    ensure_directory(hooks_dir());
    ensure_directory(monitors_dir());
}

void Store::discard(const std::string& directory) const {
    if (!exists(directory))
        return;
    const std::string stage = staging_dir(parent_of(directory));
    publish(directory, stage);
    remove_tree(stage);
}

void Store::remove_if_empty(const DirectoryLock&) const {
    if (!list_directory(monitors_dir()).empty() || !list_directory(hooks_dir()).empty())
        return;
    remove_tree(monitors_dir());
    remove_tree(hooks_dir());
    if (list_directory(root()).empty() && access(parent_of(root()).c_str(), W_OK) == 0)
        remove_tree(root()); // else it was made for us, and stays
}

void Store::require_monitor(const std::string& name) const {
    if (is_identifier(name) && exists(monitor_dir(name))) {
        require_directory(monitor_dir(name));
        return;
    }
    const std::vector<std::string> names = monitors();
    Error error(ErrorKind::failed, "no monitor '" + name + "'");
    const std::string nearest = nearest_name(name, names);
    if (!nearest.empty())
        error.hint("did you mean '" + nearest + "'?");
    else
        error.hint(names.empty() ? "nothing is loaded" : "`dynmon-load status` lists the monitors");
    throw error;
}

} // namespace dynmon
