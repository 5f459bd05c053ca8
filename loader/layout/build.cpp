// BTF → Layout. The BTF may come from anybody: nothing it says is believed before it was checked.
#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "layout/btf_type.hpp"
#include "layout/field_formats.hpp"
#include "layout/layout.hpp"
#include "layout/meaning.hpp"
#include "layout/path.hpp"

namespace dynmon {

namespace {

constexpr std::uint64_t no_end = UINT32_MAX;
// In BPF everywhere. libbpf would guess it from the size of `long`, which a BTF need not have.
constexpr std::uint32_t pointer_bytes = 8;
// That one value may be printed as: arrays of empty structs and of unions multiply out of nothing.
constexpr std::uint64_t most_printed = 1u << 24;

// Where a field stands: absolute position, and the end of what contains it.
struct Place {
    std::string name;
    std::uint64_t bit = 0;        // from the start of the root value
    std::uint32_t bit_size = 0;   // of a bitfield
    std::uint64_t end = no_end;   // bytes
    Meaning hint = Meaning::none; // from the names of struct and member
    bool element = false;         // of an array: shares the array's path and format
};

class Builder {
public:
    Builder(const btf* types, std::string_view root, const Formats& formats)
        : types_(types), path_(root), formats_(root, formats) {}
    Layout build(std::uint32_t type_id, std::uint32_t expected_size);

private:
    class Level; // one step down: depth, cycle and path

    [[noreturn]] void refuse(const std::string& reason) const;
    Layout read(std::uint32_t type_id, const Place& place);
    std::uint32_t stored_size(std::uint32_t type_id, const Layout& field) const;
    void describe(Layout& field, const BareType& bare, const Place& place);
    void integer(Layout& field, const BareType& bare);
    void real(Layout& field, const BareType& bare);
    void group(Layout& field, const BareType& bare);
    void section(Layout& field, const BareType& bare);
    void array(Layout& field, const BareType& bare, const Place& place);
    void narrow(Layout& field, std::uint32_t bit, std::uint32_t bit_size) const;
    void check_extent(const Layout& field, const Place& place) const;
    void assign_meaning(Layout& field, const BareType& bare, const Place& place);

    const btf* types_;
    std::string path_;
    FieldFormats formats_;
    std::vector<std::uint32_t> open_types_; // ids from the root down, to see a cycle
    std::size_t nodes_ = 0;
    std::uint64_t repeats_ = 1; // of the field at hand: the counts of all arrays around it
    std::uint64_t printed_ = 0; // fields, each as often as it repeats
};

class Builder::Level {
public:
    Level(Builder& builder, const std::string& step, std::uint32_t type_id)
        : builder_(builder), length_(builder.path_.size()) {
        builder.path_ += step;
        const auto& open = builder.open_types_;
        if (std::find(open.begin(), open.end(), type_id) != open.end())
            builder.refuse("the type contains itself");
        if (open.size() == limits::layout_depth)
            builder.refuse("nested deeper than " + std::to_string(limits::layout_depth) +
                           " levels");
        builder.open_types_.push_back(type_id);
    }
    ~Level() {
        builder_.open_types_.pop_back();
        builder_.path_.resize(length_);
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

private:
    Builder& builder_;
    std::size_t length_;
};

std::string step_to(const std::string& member) {
    return member.empty() ? "" : "." + member;
}

Layout Builder::build(std::uint32_t type_id, std::uint32_t expected_size) {
    Layout root;
    {
        Level level(*this, "", type_id);
        root = read(type_id, Place{});
    }
    if (printed_ > most_printed)
        refuse("unfolds into " + std::to_string(printed_) + " fields; at most " +
               std::to_string(most_printed) + " can be shown");
    const std::uint32_t size = stored_size(type_id, root);
    if (size != expected_size)
        refuse("type '" + root.type_name + "' has " + std::to_string(size) +
               " bytes, the map holds " + std::to_string(expected_size));
    formats_.require_all_used(root);
    return root;
}

void Builder::refuse(const std::string& reason) const {
    throw Error(ErrorKind::usage, path_ + ": " + reason);
}

// An integer of 24 bits takes 4 bytes of an array although its layout covers 3.
std::uint32_t Builder::stored_size(std::uint32_t type_id, const Layout& field) const {
    const std::int64_t size = btf__resolve_size(types_, type_id);
    return size > field.size && size <= UINT32_MAX ? static_cast<std::uint32_t>(size) : field.size;
}

Layout Builder::read(std::uint32_t type_id, const Place& place) {
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
    assign_meaning(result, *bare, place);
    return result;
}

void Builder::describe(Layout& field, const BareType& bare, const Place& place) {
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
        field.kind = is_kernel_pointer(types_, bare) ? Layout::Kind::opaque : Layout::Kind::pointer;
        field.size = pointer_bytes;
        return;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return group(field, bare);
    case BTF_KIND_ARRAY:
        return array(field, bare, place);
    case BTF_KIND_DATASEC:
        return section(field, bare);
    case BTF_KIND_FWD:
        field.kind = Layout::Kind::opaque;
        return;
    default:
        refuse("a type of this kind cannot be stored (BTF kind " +
               std::to_string(btf_kind(bare.type)) + ")");
    }
}

void Builder::integer(Layout& field, const BareType& bare) {
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
    // Compilers call char a signed integer; only its name tells it from a small number.
    else if (field.size == 1 && ((encoding & BTF_INT_CHAR) || bare.base_name == "char"))
        field.kind = Layout::Kind::character;
    if (bits < field.size * 8)
        narrow(field, btf_int_offset(bare.type), bits);
}

void Builder::real(Layout& field, const BareType& bare) {
    field.size = bare.type->size;
    // _Float16 and long double have no portable meaning; BPF code cannot compute them anyhow.
    field.kind = field.size == 4 || field.size == 8 ? Layout::Kind::real : Layout::Kind::opaque;
}

void Builder::group(Layout& field, const BareType& bare) {
    field.size = bare.type->size;
    if (is_opaque_structure(bare.base_name)) {
        field.kind = Layout::Kind::opaque;
        return;
    }
    field.kind = btf_is_union(bare.type) ? Layout::Kind::union_ : Layout::Kind::structure;
    const auto* members = btf_members(bare.type);
    for (std::uint32_t i = 0; i < btf_vlen(bare.type); ++i) {
        Place place;
        place.name = field_name(types_, members[i].name_off);
        place.bit = std::uint64_t{field.offset} * 8 + btf_member_bit_offset(bare.type, i);
        place.bit_size = btf_member_bitfield_size(bare.type, i);
        place.end = std::uint64_t{field.offset} + field.size;
        place.hint = meaning_of_member(bare.base_name, place.name);
        Level level(*this, step_to(place.name), members[i].type);
        field.fields.push_back(read(members[i].type, place));
    }
    make_names_unique(field);
}

// .data, .bss and .rodata: a struct of the object's global variables.
void Builder::section(Layout& field, const BareType& bare) {
    field.size = bare.type->size;
    field.kind = Layout::Kind::structure;
    const auto* variables = btf_var_secinfos(bare.type);
    for (std::uint32_t i = 0; i < btf_vlen(bare.type); ++i) {
        const btf_type* variable = btf__type_by_id(types_, variables[i].type);
        if (!variable || !btf_is_var(variable))
            refuse("type " + std::to_string(variables[i].type) + " is no variable");
        Place place;
        place.name = field_name(types_, variable->name_off);
        place.bit = (std::uint64_t{field.offset} + variables[i].offset) * 8;
        place.end = std::uint64_t{field.offset} + field.size;
        Level level(*this, step_to(place.name), variable->type);
        field.fields.push_back(read(variable->type, place));
    }
    make_names_unique(field);
}

void Builder::array(Layout& field, const BareType& bare, const Place& place) {
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
    if (element.meaning == Meaning::none && fits(Meaning::text, field))
        field.meaning = element.kind == Layout::Kind::character ? Meaning::text
                        : element.is_signed                     ? Meaning::none
                                                                : Meaning::hex;
}

void Builder::narrow(Layout& field, std::uint32_t bit, std::uint32_t bit_size) const {
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

void Builder::check_extent(const Layout& field, const Place& place) const {
    const std::uint64_t end = std::uint64_t{field.offset} + field.size;
    if (end > place.end)
        refuse("ends at byte " + std::to_string(end) + ", beyond the end of what contains it (" +
               std::to_string(place.end) + ")");
}

// The manifest's word first, then the name of the member, of the typedef, of the struct.
void Builder::assign_meaning(Layout& field, const BareType& bare, const Place& place) {
    for (const Meaning candidate : {bare.meaning, place.hint})
        if (candidate != Meaning::none && fits(candidate, field))
            field.meaning = candidate;
    if (!place.element) // shares the array's path
        formats_.apply(path_, field);
}

} // namespace

Layout build_layout(const btf* types, std::uint32_t type_id, std::uint32_t expected_size,
                    std::string_view root, const Formats& formats) {
    return Builder(types, root, formats).build(type_id, expected_size);
}

} // namespace dynmon
