// SPDX-License-Identifier: BSD-2-Clause
// What every operation on monitors needs to know.
#pragma once

#include <string>

#include "object/allow_list.hpp"
#include "policy/machine_policy.hpp"
#include "state/store.hpp"

namespace dynmon {

struct DryRunLog;

struct Settings {
    std::string bpffs = default_store;
    // For one command, or one round of it: the loop of rounds renews it.
    LockPatience lock_patience{std::chrono::seconds(5)};

    std::string allow;  // a list of objects beside the machine's; "": none
    std::string policy; // what probes may do, beside the machine's policy; "": none

    // Not owned: gets the steps of verbs that write, which then change nothing. Null: they do.
    DryRunLog* dry_run = nullptr;

    AllowLists allowed() const { return allow_lists(allow); }
    MachinePolicies policies() const { return machine_policies(policy); }
    Store open_store(bool create) const { return Store::open(bpffs, create, lock_patience); }
};

} // namespace dynmon
