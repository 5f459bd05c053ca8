// SPDX-License-Identifier: BSD-2-Clause
#include "source/event_types.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/identifier.hpp"

namespace dynmon {

namespace {

constexpr std::array<unsigned, 6> event_kinds{BTF_KIND_STRUCT, BTF_KIND_TYPEDEF, BTF_KIND_UNION,
                                              BTF_KIND_INT,    BTF_KIND_ENUM,    BTF_KIND_ENUM64};

std::string without_keyword(const std::string& name) {
    for (const std::string_view keyword : {"struct ", "union ", "enum "})
        if (name.starts_with(keyword))
            return name.substr(keyword.size());
    return name;
}

[[noreturn]] void refuse_type(const btf* types, const std::string& name) {
    std::vector<std::string> known;
    for (std::uint32_t id = 1; id < btf__type_cnt(types); ++id) {
        const btf_type* type = btf__type_by_id(types, id);
        if (btf_is_struct(type) || btf_is_typedef(type) || btf_is_union(type))
            known.emplace_back(btf__name_by_offset(types, type->name_off));
    }
    const std::string near = nearest_name(name, known);
    throw Error(ErrorKind::usage, "no type '" + name + "' in the BTF of the map's program")
        .hint(near.empty() ? "" : "did you mean '" + near + "'?");
}

std::uint32_t named_type(const btf* types, const std::string& name) {
    for (const unsigned kind : event_kinds) {
        const int id = btf__find_by_name_kind(types, name.c_str(), kind);
        if (id > 0)
            return static_cast<std::uint32_t>(id);
    }
    refuse_type(types, name);
}

// The variable `const struct x* const volatile dynmon_event_NAME`; 0: there is none.
std::uint32_t declared_type(const btf* types, const std::string& map) {
    const std::string name = "dynmon_event_" + map;
    const int id = btf__find_by_name_kind(types, name.c_str(), BTF_KIND_VAR);
    const btf_type* type = id < 0 ? nullptr : btf__type_by_id(types, static_cast<__u32>(id));
    while (type != nullptr && (btf_is_var(type) || btf_is_mod(type)))
        type = btf__type_by_id(types, type->type);
    return type != nullptr && btf_is_ptr(type) ? type->type : 0;
}

} // namespace

std::optional<Layout> event_layout(const MapTypes& types, const std::string& name) {
    const btf* known = types.btf.get();
    if (known == nullptr && !name.empty())
        throw Error(ErrorKind::usage, "no BTF knows the map, and so not '" + name + "' either")
            .hint("name the object that its program is from: --object FILE");
    if (known == nullptr)
        return std::nullopt;
    const std::uint32_t id =
        name.empty() ? declared_type(known, types.name) : named_type(known, without_keyword(name));
    if (id == 0)
        return std::nullopt;
    const std::int64_t size = btf__resolve_size(known, id);
    if (size <= 0)
        throw Error(ErrorKind::usage, "the type of the events has no size");
    return build_layout(known, id, static_cast<std::uint32_t>(size), "event");
}

} // namespace dynmon
