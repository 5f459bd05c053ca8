// SPDX-License-Identifier: BSD-2-Clause
#include "export/fields.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "btf/layout.hpp"

namespace dynmon {

Field::Field(const Layout& layout)
    : scalar_(compile_scalar(layout, Style::decoded)), size_(layout.size) {
    scalar_.enumerators = nullptr; // its owner may be gone before this
}

IpBytes Field::address(const std::byte* root) const {
    IpBytes bytes{};
    if (size_ == bytes.size()) {
        std::memcpy(bytes.data(), root + scalar_.offset, bytes.size());
    } else if (size_ == 4) {
        std::fill(bytes.begin() + 10, bytes.begin() + 12, std::uint8_t{0xff});
        std::memcpy(bytes.data() + 12, root + scalar_.offset, 4);
    }
    return bytes;
}

std::unique_ptr<Layout> FieldFinder::find(const std::string& path) const {
    std::string_view rest;
    if (split_root(path, "value", rest))
        return find_field(metric_.value, rest);
    return metric_.key && split_root(path, "key", rest) ? find_field(*metric_.key, rest) : nullptr;
}

void FieldFinder::refuse(const std::string& fault) const {
    throw Error(ErrorKind::usage,
                "metric '" + metric_.name + "' " + fault + ", which " + needed_by_ + " needs")
        .hint("`dynmon-load read` prints any metric as it is; dynmon-profiles(7) says what each "
              "profile is made of");
}

Field FieldFinder::number_if_any(const std::string& path) const {
    const std::unique_ptr<Layout> found = find(path);
    if (!found)
        return {};
    if (!holds_number(*found) || found->kind == Layout::Kind::real ||
        (found->size > 8 && !found->is_sum))
        refuse("has no integer in '" + path + "'");
    return Field(*found);
}

Field FieldFinder::number(const std::string& path) const {
    const Field field = number_if_any(path);
    if (!field)
        refuse("has no field '" + path + "'");
    return field;
}

Field FieldFinder::address_if_any(const std::string& path) const {
    const std::unique_ptr<Layout> found = find(path);
    if (!found)
        return {};
    if (found->size != 4 && found->size != sizeof(IpBytes))
        refuse("has no address in '" + path + "'");
    return Field(*found);
}

Field FieldFinder::address(const std::string& path) const {
    const Field field = address_if_any(path);
    if (!field)
        refuse("has no field '" + path + "'");
    return field;
}

} // namespace dynmon
