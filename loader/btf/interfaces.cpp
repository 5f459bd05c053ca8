// SPDX-License-Identifier: BSD-2-Clause
// Fields that are an interface get the names of a namespace's interfaces.
#include <algorithm>

#include "btf/layout.hpp"

namespace dynmon {

bool has_interfaces(const Layout& layout) {
    return layout.semantic == Semantic::ifindex ||
           std::any_of(layout.fields.begin(), layout.fields.end(), has_interfaces);
}

void name_interfaces(Layout& layout, const std::shared_ptr<const EnumSet>& names) {
    if (layout.semantic == Semantic::ifindex)
        layout.names = names;
    for (Layout& field : layout.fields)
        name_interfaces(field, names);
}

} // namespace dynmon
