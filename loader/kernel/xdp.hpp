// SPDX-License-Identifier: BSD-2-Clause
// Which XDP program a device runs, whatever program attached it.
#pragma once

#include <cstdint>

#include "manifest/words.hpp"

namespace dynmon {

struct XdpState {
    std::uint32_t program_id = 0; // 0: none
    XdpMode mode = XdpMode::native;
};

XdpState query_xdp(int ifindex); // in the calling thread's network namespace

std::uint32_t xdp_flags(XdpMode mode); // XDP_FLAGS_… for a link

} // namespace dynmon
