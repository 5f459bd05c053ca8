// What every operation on monitors needs to know.
#pragma once

#include <chrono>
#include <string>

#include "object/allow_list.hpp"
#include "policy/machine_policy.hpp"
#include "store/store.hpp"

namespace dynmon {

struct Settings {
    std::string bpffs = default_store;
    std::chrono::milliseconds lock_timeout{5000};

    std::string allow;  // a list of objects beside the machine's; "": none
    std::string policy; // what probes may do, beside the machine's policy; "": none

    AllowLists allowed() const { return allow_lists(allow); }
    MachinePolicies policies() const { return machine_policies(policy); }
    Store open_store(bool create) const { return Store::open(bpffs, create, lock_timeout); }
};

} // namespace dynmon
