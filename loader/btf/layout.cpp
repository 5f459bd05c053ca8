// SPDX-License-Identifier: BSD-2-Clause
// Layouts and what is asked of them: the names of values, paths to fields, addresses of interfaces,
// keys of tries, alignment, differences.

#include "btf/layout.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/limits.hpp"
#include "btf/btf_type.hpp"
#include "btf/semantic.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

std::int64_t enumerator_value(const btf_type* type, std::uint32_t index, bool is_signed) {
    if (btf_is_enum64(type))
        return static_cast<std::int64_t>(btf_enum64_value(btf_enum64(type) + index));
    const std::int32_t value = btf_enum(type)[index].val;
    return is_signed ? value : static_cast<std::int64_t>(static_cast<std::uint32_t>(value));
}

// kind_flag says "signed", but clang 14 never sets it: a small negative value gives it away, while
// a flag in the top bit (INT32_MIN) does not.
bool has_sign(const btf_type* type) {
    if (btf_kflag(type))
        return true;
    if (!btf_is_enum(type))
        return false;
    const auto* first = btf_enum(type);
    return std::any_of(first, first + btf_vlen(type), [](const struct btf_enum& value) {
        return value.val < 0 && value.val > -65536;
    });
}

// Stable: of two names for one value the one declared first is shown.
void sort_by_value(EnumSet& set) {
    std::stable_sort(set.values.begin(), set.values.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
}

bool is_enum(const btf_type* type) {
    return btf_is_enum(type) || btf_is_enum64(type);
}

unsigned width_of(const Layout& field) {
    return field.bit_size != 0 ? field.bit_size : std::min(field.size * 8, 64u);
}

std::uint64_t low_bits(std::int64_t value, unsigned width) {
    const auto bits = static_cast<std::uint64_t>(value);
    return width < 64 ? bits & ((std::uint64_t{1} << width) - 1) : bits;
}

// Without a bit that the field cannot hold; a negative value may be one of the field's top bits.
bool is_held(std::int64_t value, unsigned width) {
    if (width >= 64)
        return true;
    const std::int64_t half = std::int64_t{1} << (width - 1);
    return value >= -half && value - half < half;
}

} // namespace

std::shared_ptr<const EnumSet> read_enumerators(const btf* types, const BareType& enumeration) {
    const btf_type* type = enumeration.type;
    auto set = std::make_shared<EnumSet>();
    set->name = enumeration.name;
    set->is_signed = has_sign(type);
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
        const std::uint32_t name =
            btf_is_enum64(type) ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;
        set->values.emplace_back(enumerator_value(type, i, set->is_signed),
                                 clean_name(types, name));
    }
    sort_by_value(*set);
    return set;
}

std::shared_ptr<const EnumSet> find_enumerators(const btf* types, const std::string& name,
                                                std::string& nearest) {
    std::vector<std::string> known;
    for (std::uint32_t id = 1; id < btf__type_cnt(types); ++id) {
        const btf_type* type = btf__type_by_id(types, id);
        if (!is_enum(type) && !btf_is_typedef(type))
            continue;
        const std::optional<BareType> bare = strip_type(types, id);
        const std::string own = clean_name(types, type->name_off);
        if (!bare || !is_enum(bare->type) || btf_vlen(bare->type) == 0 || own.empty())
            continue;
        if (own == name)
            return read_enumerators(types, *bare);
        known.push_back(own);
    }
    nearest = nearest_name(name, known);
    return nullptr;
}

const std::string* EnumSet::find(std::int64_t value) const {
    const auto found = std::lower_bound(
        values.begin(), values.end(), value,
        [](const auto& entry, std::int64_t wanted) { return entry.first < wanted; });
    return found != values.end() && found->first == value ? &found->second : nullptr;
}

EnumSet as_values_of(const EnumSet& set, const Layout& field) {
    EnumSet fitted{set.name, field.is_signed, {}};
    const unsigned width = width_of(field);
    std::vector<std::pair<std::int64_t, std::string>> reread; // whose sign the field lacks or adds
    for (const auto& [value, name] : set.values) {
        if (!is_held(value, width))
            continue;
        const std::uint64_t bits = low_bits(value, width);
        const bool negative = field.is_signed && (bits >> (width - 1) & 1) != 0;
        const std::uint64_t sign = negative && width < 64 ? ~std::uint64_t{0} << width : 0;
        const auto held = static_cast<std::int64_t>(bits | sign);
        (held == value ? fitted.values : reread).emplace_back(held, name);
    }
    fitted.values.insert(fitted.values.end(), reread.begin(), reread.end());
    sort_by_value(fitted);
    return fitted;
}

EnumSet as_flags_of(const EnumSet& set, const Layout& field) {
    EnumSet fitted{set.name, false, {}};
    const unsigned width = width_of(field);
    for (const auto& [value, name] : set.values)
        if (const std::uint64_t bits = low_bits(value, width); bits != 0 && is_held(value, width))
            fitted.values.emplace_back(static_cast<std::int64_t>(bits), name);
    const auto bits_of = [](const auto& entry) {
        return std::popcount(static_cast<std::uint64_t>(entry.first));
    };
    std::stable_sort(fitted.values.begin(), fitted.values.end(), [&](const auto& a, const auto& b) {
        const bool single = bits_of(a) == 1;
        if (single != (bits_of(b) == 1))
            return single;
        if (single)
            return static_cast<std::uint64_t>(a.first) < static_cast<std::uint64_t>(b.first);
        return bits_of(a) > bits_of(b);
    });
    return fitted;
}

// Names and paths: from a path to its field, from a layout to its leaves.

namespace {

bool is_group(const Layout& field) {
    return field.kind == Layout::Kind::structure || field.kind == Layout::Kind::union_;
}

// Takes "[N]" off the front of `path`; false when it is no number or beyond the array.
bool take_index(std::string_view& path, std::uint32_t count, std::uint32_t& index) {
    const std::size_t close = path.find(']');
    if (close == std::string_view::npos)
        return false;
    const char* end = path.data() + close;
    const auto [stop, fault] = std::from_chars(path.data() + 1, end, index);
    if (fault != std::errc{} || stop != end || index >= count)
        return false;
    path.remove_prefix(close + 1);
    return true;
}

// An integer of whole bytes: its lowest byte is the version.
std::optional<std::uint32_t> version_byte(const Layout& group, const std::string& name) {
    const Layout* field = find_member(group, name);
    if (!field || field->kind != Layout::Kind::integer || field->bit_size != 0)
        return std::nullopt;
    return field->offset + (field->big_endian ? field->size - 1 : 0);
}

void link_versions_in(Layout& members, const Layout& group) {
    for (Layout& field : members.fields) {
        if (field.semantic == Semantic::ip) {
            auto version = version_byte(group, field.name + "_version");
            if (!version)
                version = version_byte(group, "ip_version");
            field.version_at = version ? static_cast<std::int32_t>(*version - field.offset) : 0;
        } else if (field.name.empty() && is_group(field)) {
            link_versions_in(field, group);
        }
    }
}

class LeafWalk {
public:
    explicit LeafWalk(const LeafVisitor& visitor) : visitor_(visitor) {}

    void visit(const Layout& field) {
        if (is_scalar(field))
            leaf(field);
        else if (field.kind == Layout::Kind::array)
            elements(field);
        else
            members(field);
    }

private:
    void leaf(const Layout& field) {
        if (++leaves_ > limits::layout_nodes)
            throw Error(ErrorKind::usage, "a value of more than " +
                                              std::to_string(limits::layout_nodes) +
                                              " fields does not fit into columns");
        visitor_(path_, field, moved_);
    }

    void elements(const Layout& array) {
        const std::size_t length = path_.size();
        const std::uint32_t moved = moved_;
        for (std::uint32_t i = 0; i < array.count; ++i, moved_ += array.stride) {
            const std::size_t before = leaves_;
            path_ += '[' + std::to_string(i) + ']';
            visit(array.fields.front());
            path_.resize(length);
            if (leaves_ == before)
                break; // an element without leaves (an empty struct) stays so
        }
        moved_ = moved;
    }

    void members(const Layout& group) {
        const std::size_t length = path_.size();
        for (const Layout& field : group.fields) {
            if (!field.name.empty())
                path_ += (path_.empty() ? "" : ".") + field.name;
            visit(field);
            path_.resize(length);
        }
    }

    const LeafVisitor& visitor_;
    std::string path_;
    std::uint32_t moved_ = 0;
    std::size_t leaves_ = 0;
};

} // namespace

void link_versions(Layout& group) {
    link_versions_in(group, group);
}

// Members of anonymous structs and unions belong to the struct around them, as in C.
const Layout* find_member(const Layout& group, std::string_view name) {
    for (const Layout& field : group.fields) {
        if (field.name == name && !name.empty())
            return &field;
        if (field.name.empty() && is_group(field))
            if (const Layout* inner = find_member(field, name))
                return inner;
    }
    return nullptr;
}

std::string without_brackets(std::string_view path) {
    std::string plain(path);
    for (std::size_t at = plain.find("[]"); at != std::string::npos; at = plain.find("[]", at))
        plain.erase(at, 2);
    return plain;
}

bool split_root(std::string_view path, std::string_view root, std::string_view& rest) {
    if (!path.starts_with(root))
        return false;
    rest = path.substr(root.size());
    if (rest.empty() || rest.front() == '[')
        return true;
    if (rest.front() != '.')
        return false;
    rest.remove_prefix(1);
    return true;
}

std::string join_path(std::string_view root, std::string_view path) {
    const bool dot = !path.empty() && path.front() != '[';
    return std::string(root) + (dot ? "." : "") + std::string(path);
}

void shift(Layout& field, std::uint32_t bytes) {
    field.offset += bytes;
    for (Layout& inner : field.fields)
        shift(inner, bytes);
}

std::unique_ptr<Layout> find_field(const Layout& root, std::string_view path) {
    const Layout* field = &root;
    std::uint32_t moved = 0;
    for (bool first = true; !path.empty(); first = false) {
        if (path.front() == '[') {
            std::uint32_t index = 0;
            if (field->kind != Layout::Kind::array || !take_index(path, field->count, index))
                return nullptr;
            moved += index * field->stride;
            field = &field->fields.front();
        } else {
            if (!first && path.front() != '.')
                return nullptr;
            path.remove_prefix(first ? 0 : 1);
            const std::string_view name = path.substr(0, path.find_first_of(".["));
            field = is_group(*field) ? find_member(*field, name) : nullptr;
            if (!field)
                return nullptr;
            path.remove_prefix(name.size());
        }
    }
    auto found = std::make_unique<Layout>(*field);
    shift(*found, moved);
    return found;
}

void for_each_leaf(const Layout& root, const LeafVisitor& visit) {
    LeafWalk(visit).visit(root);
}

Layout untyped_layout(std::uint32_t size) {
    Layout byte;
    byte.kind = Layout::Kind::integer;
    byte.size = 1;
    if (size == 1)
        return byte;
    Layout result;
    result.size = size;
    result.kind = Layout::Kind::integer;
    if (size == 2 || size == 4 || size == 8)
        return result;
    result.kind = Layout::Kind::array;
    result.semantic = size > 0 ? Semantic::hex : Semantic::none;
    result.count = size;
    result.stride = 1;
    result.fields.push_back(byte);
    return result;
}

std::vector<std::string> leaf_paths(const Layout& root) {
    std::vector<std::string> paths;
    for_each_leaf(root, [&](const std::string& path, const Layout&, std::uint32_t) {
        paths.push_back(path);
    });
    return paths;
}

bool is_scalar(const Layout& field) {
    switch (field.kind) {
    case Layout::Kind::structure:
    case Layout::Kind::union_:
    case Layout::Kind::array:
        return field.semantic != Semantic::none;
    default:
        return true;
    }
}

// Fields that are an interface get the names of a namespace's interfaces.

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

// Keys of LPM tries.

void mark_trie_key(Layout& key) {
    if (fits(Semantic::cidr, key))
        key.semantic = Semantic::cidr;
}

Layout untyped_trie_key(std::uint32_t size) {
    constexpr std::uint32_t length_size = 4; // every trie's key starts with it
    if (size <= length_size)
        return untyped_layout(size);
    Layout length = untyped_layout(length_size);
    length.name = "prefixlen";
    Layout data{.name = "data",
                .kind = Layout::Kind::array,
                .semantic = Semantic::hex,
                .offset = length_size,
                .size = size - length_size,
                .count = size - length_size,
                .stride = 1};
    Layout byte = untyped_layout(1);
    byte.offset = length_size;
    data.fields.push_back(std::move(byte));
    Layout key{.kind = Layout::Kind::structure, .size = size};
    key.fields.push_back(std::move(length));
    key.fields.push_back(std::move(data));
    mark_trie_key(key);
    return key;
}

namespace {

constexpr std::uint32_t trie_head = 4; // the length, which a key of a trie begins with

// "counts[3].bytes", by the place in the value; "" for what has no name.
std::string path_at(const Layout& root, std::uint32_t offset) {
    std::string path;
    const Layout* field = &root;
    std::uint32_t moved = 0; // elements know the place of the first one
    for (;;) {
        const std::uint32_t at = offset - moved;
        if (field->kind == Layout::Kind::array && field->stride > 0 && !field->fields.empty()) {
            const std::uint32_t index = (at - field->offset) / field->stride;
            path += "[" + std::to_string(index) + "]";
            moved += index * field->stride;
            field = &field->fields.front();
            continue;
        }
        const auto inner =
            std::find_if(field->fields.begin(), field->fields.end(),
                         [&](const Layout& f) { return at >= f.offset && at < f.offset + f.size; });
        if (inner == field->fields.end())
            return path;
        if (!inner->name.empty())
            path += (path.empty() ? "" : ".") + inner->name;
        field = &*inner;
    }
}

std::string field_text(const Object& object, const MapInfo& map, const AtomicAccess& access) {
    if (access.modulus != 0)
        return "a field";
    const auto offset = static_cast<std::uint32_t>(access.offset);
    std::string path;
    try {
        if (map.value_type_id != 0)
            path = path_at(build_layout(object.types(), map.value_type_id, map.value_size, "value"),
                           offset);
    } catch (const Error&) {
        // types that cannot be shown: the place has to do
    }
    return path.empty() ? "byte " + std::to_string(offset) : "'" + path + "'";
}

bool misaligns(const MapInfo& map, std::uint32_t size) {
    return value_misalignment(map) % size != 0;
}

std::string problem_of(const Object& object, const ProgramInfo& program,
                       const AtomicAccess& access) {
    const std::string who = "program '" + program.name + "' changes ";
    const std::string how = " atomically (" + std::to_string(access.size) + " bytes)";
    if (access.map.empty()) {
        for (const MapInfo& map : object.maps())
            if (misaligns(map, access.size) && map.value_size >= access.size)
                return who + "something" + how + " that cannot be followed and may be in map '" +
                       map.name + "', whose values begin right behind the prefix";
        return "";
    }
    const MapInfo* map = object.map(access.map);
    if (map == nullptr)
        return "";
    const std::string what = who + field_text(object, *map, access) + " of map '" + map->name + "'";
    if (misaligns(*map, access.size))
        return what + how + ": the values of an LPM trie begin right behind the prefix, here " +
               std::to_string(value_misalignment(*map)) + " bytes behind a multiple of 8";
    // With less known of the place, it is for the verifier to say.
    if ((access.modulus == 0 || access.modulus >= access.size) && access.offset % access.size != 0)
        return what + how + ", which does not stand on a multiple of its size" +
               (access.modulus == 0 ? " but at byte " + std::to_string(access.offset) : "");
    return "";
}

} // namespace

// Hashes and arrays round up to 8 (struct htab_elem, struct bpf_array), per-CPU values and storage
// are allocated so. A node of a trie (struct lpm_trie_node) has the bytes of the prefix and then
// the value, with nothing in between.
std::uint32_t value_misalignment(const MapInfo& map) {
    if (map.type != BPF_MAP_TYPE_LPM_TRIE || map.key_size < trie_head)
        return 0;
    return (map.key_size - trie_head) % 8;
}

std::string alignment_problem(const Object& object, const ProgramInfo& program) {
    for (const AtomicAccess& access : program.atomics)
        if (std::string problem = problem_of(object, program, access); !problem.empty())
            return problem;
    return "";
}

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
