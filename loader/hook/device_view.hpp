// SPDX-License-Identifier: BSD-2-Clause
// Looks at the device of a hook, for the rules to judge.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hook/device_rules.hpp"
#include "state/store.hpp"

namespace dynmon {

// The MTU of the device of a hook, whichever namespace it is in; 0: it cannot be looked at.
std::uint32_t device_mtu(const Store& store, const HookId& id);

// All that follow act in the calling thread's network namespace.

// Throws Error{failed} when it is gone.
Link link_of(const std::vector<Link>& links, int ifindex);

// Throws Error{unsupported} with where to look instead.
void require_suitable(const Link& device, const std::vector<Link>& links, HookPoint point);

// What has a say in what XDP sees on `device`. Other ends of pairs are looked at in their own
// namespaces, where those can be found and entered.
std::vector<OffloadSource> offload_sources(const Link& device, const std::vector<Link>& links);

} // namespace dynmon
