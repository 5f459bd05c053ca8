// SPDX-License-Identifier: BSD-2-Clause
// Which number fits which field, and what to say when it does not.
#include "filter/literal.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/counted.hpp"
#include "btf/semantic.hpp"
#include "decode/parameter_type.hpp"
#include "decode/scalar.hpp"

namespace dynmon {

namespace {

using Wide = unsigned __int128;

unsigned bits_of(const Layout& field) {
    return field.bit_size != 0 ? field.bit_size : field.size * 8;
}

// What `expected` says of an integer without a semantic.
std::string range_of(const Layout& field) {
    const unsigned bits = bits_of(field);
    const std::string type =
        field.bit_size != 0 ? std::to_string(bits) + " bits" : counted(field.size, "byte");
    if (bits > 64)
        return std::string(field.is_signed ? "a signed" : "an unsigned") + " number of " + type;
    const WideInteger one = 1;
    const WideInteger low = field.is_signed ? -(one << (bits - 1)) : WideInteger{0};
    const WideInteger high = (one << (field.is_signed ? bits - 1 : bits)) - 1;
    return "a number from " + to_text(low) + " to " + to_text(high);
}

bool fits_signed(__int128 value, unsigned bits) {
    return bits >= 128 || (value >> (bits - 1)) == (value < 0 ? -1 : 0);
}

std::optional<Wide> fitted(const Layout& field, const ExactNumber& number) {
    const unsigned bits = bits_of(field);
    constexpr Wide top = Wide{1} << 127;
    if (number.too_large)
        return std::nullopt;
    if (!field.is_signed) {
        const bool fits = bits >= 128 || number.size >> bits == 0;
        return fits && (!number.negative || number.size == 0) ? std::optional(number.size)
                                                              : std::nullopt;
    }
    if (number.size > top || (number.size == top && !number.negative))
        return std::nullopt;
    const Wide value = number.negative ? 0 - number.size : number.size;
    return fits_signed(static_cast<__int128>(value), bits) ? std::optional(value) : std::nullopt;
}

std::string expected_integer(const Layout& field) {
    constexpr std::size_t most_listed = 16;
    if (field.semantic == Semantic::tcp_flags)
        return "a number or flags such as SYN|ACK";
    if (field.semantic == Semantic::ip_proto)
        return "a protocol such as TCP, or its number";
    if (field.semantic == Semantic::eth_proto)
        return "a protocol such as IPv4 or ARP, or its number";
    const auto& set = names_of(field, Style::decoded);
    if (!set)
        return range_of(field);
    std::string names;
    for (std::size_t i = 0; i < set->values.size() && i < most_listed; ++i)
        names += (i > 0 ? ", " : "") + set->values[i].second;
    return "one of " + names + (set->values.size() > most_listed ? ", …" : "") + ", or a number";
}

// One part of SYN|ACK, or the whole literal.
Wide read_part(const Layout& field, std::string_view text) {
    if (const auto named = named_value(field, text))
        return *named;
    if (const auto number = parse_exact_number(text))
        return fitted_or_refused(field, *number, text);
    throw no_such_literal(text, expected_integer(field));
}

} // namespace

Error no_such_literal(std::string_view text, const std::string& expected) {
    return Error(ErrorKind::usage, "'" + std::string(text) + "' is not " + expected);
}

unsigned __int128 fitted_or_refused(const Layout& field, const ExactNumber& number,
                                    std::string_view text) {
    const auto value = fitted(field, number);
    if (!value)
        throw no_such_literal(text, range_of(field)).hint("the field could never hold it");
    return *value;
}

unsigned __int128 read_integer_literal(const Layout& field, std::string_view text,
                                       std::uint64_t now_ns) {
    if (is_time(field.semantic) || is_duration(field.semantic))
        return read_clock_literal(field, text, now_ns);
    if (field.kind == Layout::Kind::character && text.size() == 1 &&
        (text[0] < '0' || text[0] > '9'))
        return field.is_signed ? static_cast<Wide>(static_cast<__int128>(text[0]))
                               : Wide{static_cast<unsigned char>(text[0])};
    const bool joined = text.find('|') != std::string_view::npos;
    if (!joined)
        return read_part(field, text);
    if (field.semantic != Semantic::tcp_flags && !names_of(field, Style::decoded))
        throw no_such_literal(text, expected_integer(field))
            .hint("any of several values: in (A, B)");
    Wide value = 0;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t bar = std::min(text.find('|', start), text.size());
        value |= read_part(field, text.substr(start, bar - start));
        start = bar + 1;
    }
    return value;
}

bool read_boolean_literal(std::string_view text) {
    if (text == "true" || text == "1")
        return true;
    if (text == "false" || text == "0")
        return false;
    throw no_such_literal(text, "true or false");
}

double read_real_literal(const Layout& field, std::string_view text) {
    double value = 0;
    const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (fault != std::errc{} || end != digits.data() + digits.size()) {
        const auto number = parse_exact_number(text); // with a unit, or hexadecimal
        if (!number || number->too_large)
            throw no_such_literal(text, "a number");
        value = static_cast<double>(number->size) * (number->negative ? -1 : 1);
    }
    if (field.size != 4)
        return value;
    if (std::isfinite(value) && std::fabs(value) > std::numeric_limits<float>::max())
        throw no_such_literal(text, "a number that a float can hold");
    return static_cast<double>(static_cast<float>(value));
}

} // namespace dynmon
