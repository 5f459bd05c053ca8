// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/words.hpp"

#include "manifest/rules.hpp"

namespace dynmon {

namespace {

template <typename Enum>
const char* name_in(const Choices<Enum>& choices, Enum value) {
    for (const auto& [name, choice] : choices) {
        if (choice == value)
            return name.c_str();
    }
    return "";
}

} // namespace

const char* to_string(Direction direction) {
    return direction == Direction::ingress ? "ingress" : "egress";
}

const char* to_string(HookKind kind) {
    return name_in(hook_choices, kind);
}

const char* to_string(XdpMode mode) {
    // No manifest can ask for it, but another owner's program may run so.
    return mode == XdpMode::offload ? "offload" : name_in(xdp_mode_choices, mode);
}

const char* to_string(Merge merge) {
    return merge == Merge::none ? "none" : name_in(field_merge_choices, merge);
}

const char* to_string(MetricType type) {
    return name_in(type_choices, type);
}

const char* to_string(BucketScale scale) {
    return name_in(scale_choices, scale);
}

const char* to_string(Power power) {
    return name_in(power_choices, power);
}

} // namespace dynmon
