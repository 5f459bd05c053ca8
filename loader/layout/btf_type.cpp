// Reads single BTF types with every reference checked.
#include "layout/btf_type.hpp"

#include <algorithm>
#include <string_view>

#include "layout/meaning.hpp"

namespace dynmon {

namespace {

constexpr int longest_chain = 64;

bool is_wrapping(const btf_type* type) {
    return btf_is_typedef(type) || btf_is_mod(type) || btf_is_type_tag(type);
}

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

} // namespace

std::string clean_name(const btf* types, std::uint32_t name_offset) {
    const char* text = btf__str_by_offset(types, name_offset);
    std::string name(text ? text : "");
    for (char& c : name)
        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            c = '_';
    return name;
}

std::string field_name(const btf* types, std::uint32_t name_offset) {
    std::string name = clean_name(types, name_offset);
    for (char& c : name)
        if (c == '.' || c == '[' || c == ']')
            c = '_';
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
            if (bare.meaning == Meaning::none && btf_is_composite(bare.type))
                bare.meaning = meaning_of_structure(name);
            return bare;
        }
        if (btf_is_typedef(bare.type)) {
            if (bare.name.empty())
                bare.name = name;
            if (bare.meaning == Meaning::none)
                bare.meaning = meaning_of_typedef(name);
        }
        type_id = bare.type->type;
    }
    return std::nullopt;
}

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
    // Stable: of two names for one value the one declared first is shown.
    std::stable_sort(set->values.begin(), set->values.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return set;
}

const std::string* EnumSet::find(std::int64_t value) const {
    const auto found = std::lower_bound(
        values.begin(), values.end(), value,
        [](const auto& entry, std::int64_t wanted) { return entry.first < wanted; });
    return found != values.end() && found->first == value ? &found->second : nullptr;
}

bool is_kernel_pointer(const btf* types, const BareType& pointer) {
    const btf_type* target = btf__type_by_id(types, pointer.type->type);
    if (!target || !btf_is_type_tag(target))
        return false;
    const std::string tag = clean_name(types, target->name_off);
    return tag.starts_with("kptr") || tag == "percpu_kptr" || tag == "uptr";
}

} // namespace dynmon
