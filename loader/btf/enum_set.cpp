// SPDX-License-Identifier: BSD-2-Clause
// Names of values: read from an enum of the BTF, fitted to the field that shows them.
#include <algorithm>
#include <bit>

#include "base/identifier.hpp"
#include "btf/btf_type.hpp"

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

} // namespace dynmon
