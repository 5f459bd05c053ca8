// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/device.hpp"

#include "btf/layout.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

std::shared_ptr<const EnumSet> device_names() {
    auto set = std::make_shared<EnumSet>();
    set->name = "ifindex";
    set->values = interface_names();
    return set;
}

} // namespace dynmon
