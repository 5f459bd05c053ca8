// SPDX-License-Identifier: BSD-2-Clause
// What is known of a hook's device, and what follows for the hook. Pure: nothing here asks the
// kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/device.hpp"
#include "manifest/words.hpp"
#include "state/hook_id.hpp"
#include "state/store.hpp"

namespace dynmon {

struct Refusal {
    std::string reason;
    std::string hint; // where to look instead
};

// Why no packet, or none that a probe can read, would ever come to `point` of `device`, which is
// one of `links`. Nothing: packets do come.
std::optional<Refusal> unsuitable(const Link& device, const std::vector<Link>& links,
                                  HookPoint point);

// Frames begin with an IP header: the device has no link layer.
bool has_raw_ip(const Link& device);

// Which other device keeps the kernel from running XDP on `device` with a program of its own; ""
// when there is none.
std::string xdp_conflict(const Link& device, const std::vector<Link>& links);

// A device whose offloads bear on what XDP sees.
struct OffloadSource {
    enum class Role {
        itself,    // the device, or one below it
        other_end, // of a pair: it sends what comes in here
        behind,    // a virtual machine or a program, which writes packets into a tun or tap
    } role = Role::itself;
    std::string device; // for `behind`: the tun or tap
    std::string netns;  // of `device`, if it is another than that of the hook; a name or a path
    bool loopback = false;
    std::optional<Offloads> offloads; // nothing: they cannot be looked at
};

// Devices whose offloads bear on XDP on `device`, by index: itself, or what it stands on, down to
// the last. The other ends of pairs are not looked up.
std::vector<Link> offload_devices(const Link& device, const std::vector<Link>& links);
bool is_pair(const Link& device);

// What an XDP program on `device` gets wrong because of offloads, with the commands that switch
// them off; at most one sentence a kind of offload.
std::vector<std::string> xdp_warnings(const Link& device, XdpMode mode,
                                      const std::vector<OffloadSource>& sources);

// Looks at the device of a hook, for the rules to judge.

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
