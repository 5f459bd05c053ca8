// SPDX-License-Identifier: BSD-2-Clause
// The names that values have: of flags, protocols, states, interfaces and enums.
#include <cctype>

#include "decode/scalar.hpp"
#include "decode/text.hpp"
#include "filter/literal.hpp"

namespace dynmon {

namespace {

using Wide = unsigned __int128;

bool same_word(std::string_view a, std::string_view b) { // whatever the case
    if (a.size() != b.size())
        return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (std::tolower(static_cast<unsigned char>(a[i])) !=
            std::tolower(static_cast<unsigned char>(b[i])))
            return false;
    return true;
}

std::optional<Wide> flag_value(std::string_view name) {
    for (unsigned bit = 0; bit < 8; ++bit)
        if (same_word(name, tcp_flags_text(static_cast<std::uint8_t>(1u << bit))))
            return Wide{1} << bit;
    if (same_word(name, "AE") || same_word(name, "NS")) // of a field that has room for it
        return Wide{1} << 8;
    return std::nullopt;
}

std::optional<Wide> protocol_value(std::string_view name) {
    for (unsigned number = 0; number < 256; ++number)
        if (!protocol_name(number).empty() && same_word(name, protocol_name(number)))
            return number;
    if (same_word(name, "ICMPv6"))
        return 58;
    return std::nullopt;
}

std::optional<Wide> ethernet_value(std::string_view name) {
    for (unsigned number = 0; number < 65536; ++number)
        if (!ethernet_name(number).empty() && same_word(name, ethernet_name(number)))
            return number;
    return std::nullopt;
}

// Flags are kept as bits, although the field may have a sign, which its top bit then is.
Wide as_loaded(const Layout& field, const EnumSet& set, std::int64_t value) {
    if (set.is_signed)
        return static_cast<Wide>(static_cast<__int128>(value));
    const Wide bits = static_cast<std::uint64_t>(value);
    const unsigned width = field.bit_size != 0 ? field.bit_size : field.size * 8;
    const bool negative = field.is_signed && width < 128 && (bits >> (width - 1) & 1) != 0;
    return negative ? bits | ~Wide{0} << width : bits;
}

} // namespace

std::optional<unsigned __int128> named_value(const Layout& field, std::string_view name) {
    if (field.semantic == Semantic::tcp_flags)
        return flag_value(name);
    if (field.semantic == Semantic::ip_proto)
        return protocol_value(name);
    if (field.semantic == Semantic::eth_proto)
        return ethernet_value(name);
    if (const auto& set = names_of(field, Style::decoded))
        for (const auto& [value, known] : set->values)
            if (known == name)
                return as_loaded(field, *set, value);
    return std::nullopt;
}

} // namespace dynmon
