// SPDX-License-Identifier: BSD-2-Clause
// BTF → Layout. The BTF may come from anybody: nothing it says is believed before it was checked.
#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/builder.hpp"
#include "btf/semantic.hpp"

namespace dynmon {

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
        refuse("'" + bare.base_name + "' is declared only: nobody says what is in it");
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
    // Only its name tells a char from a small number: of the encoding's bit for it clang makes no
    // use, and bpf-gcc gives it to unsigned char too.
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

} // namespace dynmon
