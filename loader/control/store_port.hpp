// SPDX-License-Identifier: BSD-2-Clause
// The store and the kernel themselves behind a KernelPort.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "control/execute.hpp"
#include "control/look.hpp"
#include "state/lock.hpp"
#include "state/store.hpp"

namespace dynmon {

// The store is locked exclusively for as long as this lives. Not thread-safe.
class StorePort : public KernelPort {
public:
    // `own`: what look(Width::own) looks at.
    // `lock`: the store's; null: there is no store, or nothing is to be run.
    StorePort(const Store& store, const DirectoryLock* lock, Scope own)
        : store_(store), lock_(lock), own_(std::move(own)) {}

    StoreSnapshot look(Width width) override;
    void run(const Action& action) override;

protected:
    const Store& store() const { return store_; }
    const DirectoryLock& lock() const { return *lock_; }

private:
    const Fd& chain_of(const HookId& hook);
    void write_slot(const WriteSlot& write);
    void fence();
    void retire(const Retire& old) const;

    const Store& store_;
    const DirectoryLock* lock_;
    Scope own_;
    std::map<HookId, Fd> chains_;
    std::uint64_t fenced_ns_ = 0; // when the last fence began
};

// The store itself, or with a log one that changes nothing and shows what would be.
class StoreSession {
public:
    // Not owned. `log` null: steps are carried out.
    StoreSession(StorePort& real, DryRunLog* log)
        : session_(log != nullptr ? static_cast<KernelPort&>(dry_.emplace(real, *log)) : real) {}
    Session& operator*() { return session_; }
    Session* operator->() { return &session_; }

private:
    std::optional<DryRun> dry_;
    Session session_;
};

} // namespace dynmon
