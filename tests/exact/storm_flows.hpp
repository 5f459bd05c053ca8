// SPDX-License-Identifier: BSD-2-Clause
// The flows that a packet storm sends out of one device: frames, and what a flow table makes of
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "frames.hpp"

namespace storm {

struct Flow {
    Bytes frame;
    std::uint32_t ip_bytes = 0; // without link-layer header, VLAN tag and padding
    nlohmann::ordered_json key; // as `dynmon-load read --format json` prints it
};

// Sizes from the smallest to a full frame; UDP, TCP and ICMP; IPv4 and IPv6; one in a VLAN, one
// with padding. No two devices send the same flow.
std::vector<Flow> flows_of(std::size_t device);

} // namespace storm
