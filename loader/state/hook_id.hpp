// SPDX-License-Identifier: BSD-2-Clause
// Which hook: a point of one device in one network namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dynmon {

enum class HookPoint { xdp, tc_ingress, tc_egress };

const char* to_string(HookPoint point); // "xdp" | "tc-ingress" | "tc-egress"

// An ifindex means something only together with the inode of its namespace.
struct HookId {
    std::uint64_t netns = 0;
    int ifindex = 0;
    HookPoint point = HookPoint::tc_ingress;

    bool operator==(const HookId&) const = default;
    auto operator<=>(const HookId&) const = default;
};

std::string hook_dir_name(const HookId& id); // "4026531840_3_tc-ingress"
std::optional<HookId> parse_hook_dir_name(std::string_view name);

} // namespace dynmon
