// SPDX-License-Identifier: BSD-2-Clause
#include "btf/difference.hpp"

namespace dynmon {

namespace {

std::string describe(const Layout& field) {
    const std::string type = field.type_name.empty() ? "an unnamed type" : field.type_name;
    return type + " of " + std::to_string(field.size) + " bytes at " + std::to_string(field.offset);
}

bool same_enumerators(const Layout& before, const Layout& after) {
    if (!before.enumerators || !after.enumerators)
        return !before.enumerators && !after.enumerators;
    return before.enumerators->values == after.enumerators->values;
}

bool same_shape(const Layout& before, const Layout& after) {
    return before.kind == after.kind && before.semantic == after.semantic &&
           before.is_signed == after.is_signed && before.offset == after.offset &&
           before.size == after.size && before.bit_offset == after.bit_offset &&
           before.bit_size == after.bit_size && before.count == after.count &&
           before.stride == after.stride && same_enumerators(before, after);
}

} // namespace

std::string layout_difference(const Layout& before, const Layout& after, const std::string& path) {
    for (std::size_t i = 0; i < before.fields.size() || i < after.fields.size(); ++i) {
        if (i >= before.fields.size())
            return path + " has a new field '" + after.fields[i].name + "'";
        if (i >= after.fields.size())
            return path + " has lost the field '" + before.fields[i].name + "'";
        if (before.fields[i].name != after.fields[i].name)
            return path + "." + before.fields[i].name + " has become '" + after.fields[i].name +
                   "'";
        const std::string inner = layout_difference(
            before.fields[i], after.fields[i],
            before.fields[i].name.empty() ? path : path + "." + before.fields[i].name);
        if (!inner.empty())
            return inner;
    }
    if (!same_shape(before, after))
        return path + " was " + describe(before) + " and is " + describe(after);
    return "";
}

} // namespace dynmon
