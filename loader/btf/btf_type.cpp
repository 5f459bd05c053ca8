// SPDX-License-Identifier: BSD-2-Clause
// Reads single BTF types with every reference checked.
#include "btf/btf_type.hpp"

#include <algorithm>
#include <string_view>

#include "btf/semantic.hpp"

namespace dynmon {

namespace {

constexpr int longest_chain = 64;

bool is_wrapping(const btf_type* type) {
    return btf_is_typedef(type) || btf_is_mod(type) || btf_is_type_tag(type);
}

} // namespace

std::string clean_name(const btf* types, std::uint32_t name_offset) {
    const char* text = btf__str_by_offset(types, name_offset);
    std::string name(text ? text : "");
    for (char& c : name)
        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            c = '_';
    return name;
}

std::string clean_member_name(const btf* types, std::uint32_t name_offset) {
    std::string name = clean_name(types, name_offset);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '.' || c == '[' || c == ']'; }, '_');
    return name;
}

std::optional<BareType> strip_type(const btf* types, std::uint32_t type_id) {
    BareType bare;
    for (int hops = 0; hops < longest_chain; ++hops) {
        bare.type = btf__type_by_id(types, type_id);
        if (!bare.type)
            return std::nullopt;
        const std::string name = clean_name(types, bare.type->name_off);
        if (!is_wrapping(bare.type)) {
            bare.base_name = name;
            if (bare.name.empty())
                bare.name = name;
            if (bare.semantic == Semantic::none && btf_is_composite(bare.type))
                bare.semantic = semantic_of_structure(name);
            return bare;
        }
        if (btf_is_typedef(bare.type)) {
            if (bare.name.empty())
                bare.name = name;
            if (bare.semantic == Semantic::none)
                bare.semantic = semantic_of_typedef(name);
            bare.big_endian = bare.big_endian || is_big_endian_typedef(name);
        }
        type_id = bare.type->type;
    }
    return std::nullopt;
}

std::uint32_t pointed_type(const btf* types, const std::string& variable) {
    const int id = btf__find_by_name_kind(types, variable.c_str(), BTF_KIND_VAR);
    const btf_type* type = id < 0 ? nullptr : btf__type_by_id(types, static_cast<__u32>(id));
    while (type != nullptr && (btf_is_var(type) || btf_is_mod(type)))
        type = btf__type_by_id(types, type->type);
    return type != nullptr && btf_is_ptr(type) ? type->type : 0;
}

bool is_kernel_pointer(const btf* types, const BareType& pointer) {
    const btf_type* target = btf__type_by_id(types, pointer.type->type);
    if (!target || !btf_is_type_tag(target))
        return false;
    const std::string tag = clean_name(types, target->name_off);
    return tag.starts_with("kptr") || tag == "percpu_kptr" || tag == "uptr";
}

std::string pointer_name(const btf* types, const BareType& pointer) {
    const std::optional<BareType> target = strip_type(types, pointer.type->type);
    const bool named = target && !target->name.empty();
    return (named ? target->name : "void") + " *";
}

} // namespace dynmon
