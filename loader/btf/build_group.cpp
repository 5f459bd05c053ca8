// SPDX-License-Identifier: BSD-2-Clause
// Structs, unions and sections of global variables, and what their members are called.
#include "btf/builder.hpp"
#include "btf/path.hpp"
#include "btf/semantic.hpp"

namespace dynmon {

namespace {

std::string step_to(const std::string& member) {
    return member.empty() ? "" : "." + member;
}

} // namespace

void LayoutBuilder::opaque(Layout& field, std::string name) const {
    auto set = std::make_shared<EnumSet>();
    set->name = std::move(name);
    field.kind = Layout::Kind::opaque;
    field.names = std::move(set);
}

void LayoutBuilder::group(Layout& field, const BareType& bare, const Place& place) {
    field.size = bare.type->size;
    if (is_opaque_structure(bare.base_name, field.size))
        return opaque(field, bare.base_name);
    field.kind = btf_is_union(bare.type) ? Layout::Kind::union_ : Layout::Kind::structure;
    const std::string owner = owner_;
    const std::string owner_path = owner_path_;
    if (!bare.base_name.empty()) {
        owner_ = bare.base_name;
        owner_path_.clear();
    }
    std::set<std::string> outer_names;
    if (!place.anonymous)
        outer_names.swap(names_);
    members(field, bare);
    if (!place.anonymous)
        outer_names.swap(names_);
    link_versions(field);
    owner_ = owner;
    owner_path_ = owner_path;
}

void LayoutBuilder::members(Layout& field, const BareType& bare) {
    const auto* members = btf_members(bare.type);
    const std::size_t path_length = owner_path_.size();
    for (std::uint32_t i = 0; i < btf_vlen(bare.type); ++i) {
        const std::string name = clean_member_name(types_, members[i].name_off);
        Place place;
        place.anonymous = is_anonymous(name, members[i].type);
        place.name = place.anonymous ? "" : unique_name(name);
        place.bit = std::uint64_t{field.offset} * 8 + btf_member_bit_offset(bare.type, i);
        place.bit_size = btf_member_bitfield_size(bare.type, i);
        place.end = std::uint64_t{field.offset} + field.size;
        if (!place.anonymous)
            owner_path_ += (path_length == 0 ? "" : ".") + name;
        place.hint = semantic_of_member(owner_, owner_path_);
        Level level(*this, step_to(place.name), members[i].type);
        field.fields.push_back(read(members[i].type, place));
        owner_path_.resize(path_length);
    }
}

// Structs and unions only, and not those that are shown as one value.
bool LayoutBuilder::is_anonymous(const std::string& name, std::uint32_t type_id) const {
    const std::optional<BareType> bare = name.empty() ? strip_type(types_, type_id) : std::nullopt;
    return bare && btf_is_composite(bare->type) && bare->semantic == Semantic::none &&
           !is_opaque_structure(bare->base_name, bare->type->size);
}

// C allows no two of a name, but BTF does; and what has no name is not to be lost.
std::string LayoutBuilder::unique_name(const std::string& name) {
    const std::string base = name.empty() ? "unnamed" : name;
    std::string unique = base;
    for (int copy = 2; !names_.insert(unique).second; ++copy)
        unique = base + '_' + std::to_string(copy);
    return unique;
}

// .data, .bss and .rodata: a struct of the object's global variables.
void LayoutBuilder::section(Layout& field, const BareType& bare) {
    field.size = bare.type->size;
    field.kind = Layout::Kind::structure;
    const auto* variables = btf_var_secinfos(bare.type);
    for (std::uint32_t i = 0; i < btf_vlen(bare.type); ++i) {
        const btf_type* variable = btf__type_by_id(types_, variables[i].type);
        if (!variable || !btf_is_var(variable))
            refuse("type " + std::to_string(variables[i].type) + " is no variable");
        Place place;
        place.name = unique_name(clean_member_name(types_, variable->name_off));
        place.bit = (std::uint64_t{field.offset} + variables[i].offset) * 8;
        place.end = std::uint64_t{field.offset} + field.size;
        Level level(*this, step_to(place.name), variable->type);
        field.fields.push_back(read(variable->type, place));
    }
}

} // namespace dynmon
