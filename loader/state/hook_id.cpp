// SPDX-License-Identifier: BSD-2-Clause
#include "state/hook_id.hpp"

#include <charconv>

namespace dynmon {

const char* to_string(HookPoint point) {
    switch (point) {
    case HookPoint::xdp:
        return "xdp";
    case HookPoint::tc_ingress:
        return "tc-ingress";
    case HookPoint::tc_egress:
        return "tc-egress";
    }
    return "tc-ingress";
}

std::string hook_dir_name(const HookId& id) {
    return std::to_string(id.netns) + "_" + std::to_string(id.ifindex) + "_" + to_string(id.point);
}

namespace {
template <typename Number>
bool take_number(std::string_view& text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size() || *end != '_')
        return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return true;
}
} // namespace

std::optional<HookId> parse_hook_dir_name(std::string_view name) {
    HookId id;
    if (!take_number(name, id.netns) || !take_number(name, id.ifindex))
        return std::nullopt;
    for (const HookPoint point : {HookPoint::xdp, HookPoint::tc_ingress, HookPoint::tc_egress}) {
        if (name == to_string(point)) {
            id.point = point;
            return id;
        }
    }
    return std::nullopt;
}

} // namespace dynmon
