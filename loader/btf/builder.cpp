// SPDX-License-Identifier: BSD-2-Clause
// BTF type → tree of fields, one kind of type after the other, with the semantics of each field.

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/btf_type.hpp"
#include "btf/field_formats.hpp"
#include "btf/layout.hpp"
#include "btf/semantic.hpp"

namespace dynmon {

inline constexpr std::uint64_t no_end = UINT32_MAX;

// Where a field stands: absolute position, and the end of what contains it.
struct Place {
    std::string name;
    std::uint64_t bit = 0;          // from the start of the root value
    std::uint32_t bit_size = 0;     // of a bitfield
    std::uint64_t end = no_end;     // bytes
    Semantic hint = Semantic::none; // from the names of struct and member
    bool element = false;           // of an array: shares the array's path and format
    bool anonymous = false;         // its members belong to the struct around it, as in C
};

class LayoutBuilder {
public:
    LayoutBuilder(const btf* types, std::string_view root, const Formats& formats)
        : types_(types), path_(root), formats_(types, root, formats) {}
    Layout build(std::uint32_t type_id, std::uint32_t expected_size);

private:
    class Level; // one step down: depth, cycle and path

    [[noreturn]] void refuse(const std::string& reason) const;
    Layout read(std::uint32_t type_id, const Place& place);
    std::uint32_t stored_size(std::uint32_t type_id, const Layout& field) const;
    void describe(Layout& field, const BareType& bare, const Place& place);
    void integer(Layout& field, const BareType& bare);
    void real(Layout& field, const BareType& bare);
    void opaque(Layout& field, std::string name) const;
    void group(Layout& field, const BareType& bare, const Place& place);
    void members(Layout& field, const BareType& bare);
    bool is_anonymous(const std::string& name, std::uint32_t type_id) const;
    std::string unique_name(const std::string& name);
    void section(Layout& field, const BareType& bare);
    void array(Layout& field, const BareType& bare, const Place& place);
    void narrow(Layout& field, std::uint32_t bit, std::uint32_t bit_size) const;
    void check_extent(const Layout& field, const Place& place) const;
    void assign_semantic(Layout& field, const BareType& bare, const Place& place);

    const btf* types_;
    std::string path_;
    FieldFormats formats_;
    std::string owner_;                     // the nearest struct around that has a name
    std::string owner_path_;                // from there, as semantic_of_member() wants it
    std::set<std::string> names_;           // taken where the next member will stand
    std::vector<std::uint32_t> open_types_; // ids from the root down, to see a cycle
    std::size_t nodes_ = 0;
    std::uint64_t repeats_ = 1; // of the field at hand: the counts of all arrays around it
    std::uint64_t printed_ = 0; // fields, each as often as it repeats
};

// Goes one member down for as long as it lives; throws when that is not possible.
class LayoutBuilder::Level {
public:
    Level(LayoutBuilder& builder, const std::string& step, std::uint32_t type_id);
    ~Level();
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

private:
    LayoutBuilder& builder_;
    std::size_t length_;
};

// BTF → Layout. The BTF may come from anywhere: nothing it says is believed before it was checked.

LayoutBuilder::Level::Level(LayoutBuilder& builder, const std::string& step, std::uint32_t type_id)
    : builder_(builder), length_(builder.path_.size()) {
    builder.path_ += step;
    const auto& open = builder.open_types_;
    if (std::find(open.begin(), open.end(), type_id) != open.end())
        builder.refuse("the type contains itself");
    if (open.size() == limits::layout_depth)
        builder.refuse("nested deeper than " + std::to_string(limits::layout_depth) + " levels");
    builder.open_types_.push_back(type_id);
}

LayoutBuilder::Level::~Level() {
    builder_.open_types_.pop_back();
    builder_.path_.resize(length_);
}

Layout LayoutBuilder::build(std::uint32_t type_id, std::uint32_t expected_size) {
    Layout root;
    {
        Level level(*this, "", type_id);
        root = read(type_id, Place{});
    }
    if (printed_ > limits::printed_fields)
        refuse("unfolds into " + std::to_string(printed_) + " fields; at most " +
               std::to_string(limits::printed_fields) + " can be shown");
    const std::uint32_t size = stored_size(type_id, root);
    if (size != expected_size)
        refuse("type '" + root.type_name + "' has " + std::to_string(size) +
               " bytes, the map holds " + std::to_string(expected_size));
    if (root.bit_size != 0) { // buffers are made as large as the layout, and take the map's values
        root.bit_offset = static_cast<std::uint8_t>(root.bit_offset + root.offset * 8);
        root.offset = 0;
        root.size = size;
    }
    formats_.require_all_used(root);
    return root;
}

void LayoutBuilder::refuse(const std::string& reason) const {
    throw Error(ErrorKind::usage, path_ + ": " + reason);
}

// An integer of 24 bits takes 4 bytes of an array although its layout covers 3.
std::uint32_t LayoutBuilder::stored_size(std::uint32_t type_id, const Layout& field) const {
    const std::int64_t size = btf__resolve_size(types_, type_id);
    return size > field.size && size <= UINT32_MAX ? static_cast<std::uint32_t>(size) : field.size;
}

Layout LayoutBuilder::read(std::uint32_t type_id, const Place& place) {
    if (++nodes_ > limits::layout_nodes)
        refuse("the type has more than " + std::to_string(limits::layout_nodes) + " fields");
    printed_ += repeats_;
    const std::optional<BareType> bare = strip_type(types_, type_id);
    if (!bare)
        refuse("type " + std::to_string(type_id) + " does not exist or is defined by itself");
    if (place.bit / 8 > place.end)
        refuse("starts at byte " + std::to_string(place.bit / 8) + ", beyond the end of what " +
               "contains it (" + std::to_string(place.end) + ")");
    Layout result;
    result.name = place.name;
    result.type_name = bare->name;
    result.offset = static_cast<std::uint32_t>(place.bit / 8);
    describe(result, *bare, place);
    // Older compilers put the width of a bitfield into its type and not into the member.
    const std::uint32_t bit_size = place.bit_size != 0 ? place.bit_size : result.bit_size;
    if (bit_size != 0)
        narrow(result, place.bit % 8, bit_size);
    else if (place.bit % 8 != 0)
        refuse("starts within a byte without being a bitfield");
    check_extent(result, place);
    assign_semantic(result, *bare, place);
    return result;
}

void LayoutBuilder::describe(Layout& field, const BareType& bare, const Place& place) {
    switch (btf_kind(bare.type)) {
    case BTF_KIND_INT:
        return integer(field, bare);
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
        field.kind = Layout::Kind::enumeration;
        field.size = bare.type->size;
        if (field.size != 1 && field.size != 2 && field.size != 4 && field.size != 8)
            refuse("an enum of " + std::to_string(field.size) + " bytes");
        field.enumerators = read_enumerators(types_, bare);
        field.is_signed = field.enumerators->is_signed;
        return;
    case BTF_KIND_FLOAT:
        return real(field, bare);
    case BTF_KIND_PTR:
        // A pointer that the kernel looks after means nothing outside and reads as zero.
        field.kind = Layout::Kind::pointer;
        field.size = 8; // to BPF programs everywhere; BTF itself does not say
        if (is_kernel_pointer(types_, bare))
            opaque(field, pointer_name(types_, bare));
        return;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return group(field, bare, place);
    case BTF_KIND_ARRAY:
        return array(field, bare, place);
    case BTF_KIND_DATASEC:
        return section(field, bare);
    case BTF_KIND_FWD:
        refuse("'" + bare.base_name + "' is declared only: the types do not say what is in it");
    default:
        refuse("a type of this kind cannot be stored (BTF kind " +
               std::to_string(btf_kind(bare.type)) + ")");
    }
}

void LayoutBuilder::integer(Layout& field, const BareType& bare) {
    const unsigned encoding = btf_int_encoding(bare.type);
    const std::uint32_t bits = btf_int_bits(bare.type);
    field.size = bare.type->size;
    if (field.size == 0 || field.size > 16 || bits == 0 ||
        btf_int_offset(bare.type) + bits > field.size * 8)
        refuse("an integer of " + std::to_string(bits) + " bits in " + std::to_string(field.size) +
               " bytes");
    field.kind = Layout::Kind::integer;
    field.is_signed = (encoding & BTF_INT_SIGNED) != 0;
    if (encoding & BTF_INT_BOOL)
        field.kind = Layout::Kind::boolean;
    // Only its name tells a char from a small number: clang never sets the encoding's bit for it,
    // and bpf-gcc sets it for unsigned char too.
    else if (field.size == 1 && bare.base_name == "char")
        field.kind = Layout::Kind::character;
    if (bits < field.size * 8)
        narrow(field, btf_int_offset(bare.type), bits);
}

// A long double differs from machine to machine, and a __bf16 is no half: bytes say it exactly.
void LayoutBuilder::real(Layout& field, const BareType& bare) {
    field.size = bare.type->size;
    const bool half =
        bare.base_name == "_Float16" || bare.base_name == "__fp16" || bare.base_name == "half";
    field.kind = Layout::Kind::real;
    if (field.size != 4 && field.size != 8 && !(field.size == 2 && half)) {
        field.kind = Layout::Kind::opaque;
        field.semantic = Semantic::hex;
    }
}

void LayoutBuilder::array(Layout& field, const BareType& bare, const Place& place) {
    const auto* info = btf_array(bare.type);
    field.kind = Layout::Kind::array;
    field.count = info->nelems;
    Place inner;
    inner.bit = place.bit;
    inner.end = field.count == 0 ? no_end : place.end;
    inner.element = true;
    const std::uint64_t repeats = repeats_;
    const std::uint64_t printed = printed_;
    repeats_ = std::min(repeats * field.count, UINT64_MAX >> 32); // no product overflows
    {
        Level level(*this, "[]", info->type);
        field.fields.push_back(read(info->type, inner));
    }
    repeats_ = repeats;
    const Layout& element = field.fields.front();
    if (is_byte(element)) // one text
        printed_ = printed;
    field.stride = stored_size(info->type, element);
    if (field.count > limits::array_elements && !is_byte(element))
        refuse("an array of " + std::to_string(field.count) + " elements; at most " +
               std::to_string(limits::array_elements) + " can be shown");
    const std::uint64_t size = std::uint64_t{field.count} * field.stride;
    if (size > no_end)
        refuse("an array of " + std::to_string(size) + " bytes");
    field.size = static_cast<std::uint32_t>(size);
    if (element.semantic == Semantic::none && fits(Semantic::text, field))
        field.semantic = element.kind == Layout::Kind::character ? Semantic::text
                         : element.is_signed                     ? Semantic::none
                                                                 : Semantic::hex;
}

void LayoutBuilder::narrow(Layout& field, std::uint32_t bit, std::uint32_t bit_size) const {
    const bool kind = field.kind == Layout::Kind::integer || field.kind == Layout::Kind::boolean ||
                      field.kind == Layout::Kind::character ||
                      field.kind == Layout::Kind::enumeration;
    if (!kind || bit_size > field.size * 8)
        refuse("a bitfield of " + std::to_string(bit_size) + " bits does not fit its type");
    bit += field.bit_offset;
    field.offset += bit / 8;
    field.bit_offset = static_cast<std::uint8_t>(bit % 8);
    field.bit_size = static_cast<std::uint8_t>(bit_size);
    field.size = (field.bit_offset + bit_size + 7) / 8;
}

void LayoutBuilder::check_extent(const Layout& field, const Place& place) const {
    const std::uint64_t end = std::uint64_t{field.offset} + field.size;
    if (end > place.end)
        refuse("ends at byte " + std::to_string(end) + ", beyond the end of what contains it (" +
               std::to_string(place.end) + ")");
}

// The manifest's word first, then the name of the member, of the typedef, of the struct.
void LayoutBuilder::assign_semantic(Layout& field, const BareType& bare, const Place& place) {
    field.big_endian = bare.big_endian && fits(Semantic::big_endian, field);
    for (const Semantic candidate : {bare.semantic, place.hint})
        if (candidate != Semantic::none && fits(candidate, field))
            set_semantic(field, candidate);
    if (!place.element && !place.anonymous) // they share the path of what is around them
        formats_.apply(path_, field);
}

Layout build_layout(const btf* types, std::uint32_t type_id, std::uint32_t expected_size,
                    std::string_view root, const Formats& formats) {
    return LayoutBuilder(types, root, formats).build(type_id, expected_size);
}

// Structs, unions and sections of global variables, and what their members are called.

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
