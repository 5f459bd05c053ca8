// Which number fits which field, and what to say when it does not.
#include "query/literal.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "layout/parameter_type.hpp"
#include "layout/text.hpp"
#include "query/literal_number.hpp"

namespace dynmon {

namespace {

using Wide = unsigned __int128;

Error no_such(std::string_view text, const std::string& expected) {
    return Error(ErrorKind::usage, "'" + std::string(text) + "' is not " + expected);
}

bool same_word(std::string_view a, std::string_view b) { // whatever the case
    if (a.size() != b.size())
        return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (std::tolower(static_cast<unsigned char>(a[i])) !=
            std::tolower(static_cast<unsigned char>(b[i])))
            return false;
    return true;
}

unsigned bits_of(const Layout& field) {
    return field.bit_size != 0 ? field.bit_size : field.size * 8;
}

// What `expected` says of an integer without a meaning.
std::string range_of(const Layout& field) {
    const unsigned bits = bits_of(field);
    const std::string type =
        field.bit_size != 0 ? std::to_string(bits) + " bits"
                            : std::to_string(field.size) + (field.size == 1 ? " byte" : " bytes");
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

Wide fitted_or_refused(const Layout& field, const ExactNumber& number, std::string_view text) {
    const auto value = fitted(field, number);
    if (!value)
        throw no_such(text, range_of(field)).hint("the field could never hold it");
    return *value;
}

std::optional<Wide> flag_value(std::string_view name) {
    for (unsigned bit = 0; bit < 8; ++bit)
        if (same_word(name, tcp_flags_text(static_cast<std::uint8_t>(1u << bit))))
            return Wide{1} << bit;
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

// The names that people see of the field's values; nullptr: none of a set.
const EnumSet* value_names(const Layout& field) {
    return field.names ? field.names.get() : field.enumerators.get();
}

std::optional<Wide> enum_value(const EnumSet& set, std::string_view name) {
    for (const auto& [value, known] : set.values)
        if (known == name)
            return set.is_signed ? static_cast<Wide>(static_cast<__int128>(value))
                                 : Wide{static_cast<std::uint64_t>(value)};
    return std::nullopt;
}

// A flag may be the sign of its field, which is loaded as all the bits above it.
Wide as_loaded(const Layout& field, Wide value) {
    const unsigned bits = bits_of(field);
    const bool negative = field.is_signed && bits < 128 && (value >> (bits - 1) & 1) != 0;
    return negative ? value | ~Wide{0} << bits : value;
}

std::optional<Wide> named_value(const Layout& field, std::string_view name) {
    if (field.meaning == Meaning::tcp_flags)
        return flag_value(name);
    if (field.meaning == Meaning::ip_proto)
        return protocol_value(name);
    if (field.meaning == Meaning::eth_proto)
        return ethernet_value(name);
    const EnumSet* names = value_names(field);
    const auto value = names ? enum_value(*names, name) : std::nullopt;
    return value && field.meaning == Meaning::flags ? as_loaded(field, *value) : value;
}

std::string expected_integer(const Layout& field) {
    if (field.meaning == Meaning::tcp_flags)
        return "a number or flags such as SYN|ACK";
    if (field.meaning == Meaning::ip_proto)
        return "a protocol such as TCP, or its number";
    if (field.meaning == Meaning::eth_proto)
        return "a protocol such as IPv4, or its number";
    const EnumSet* set = value_names(field);
    if (!set || set->values.empty())
        return range_of(field);
    std::string names;
    for (std::size_t i = 0; i < set->values.size() && i < 16; ++i)
        names += (i > 0 ? ", " : "") + set->values[i].second;
    return "one of " + names + (set->values.size() > 16 ? ", …" : "") + ", or a number";
}

// What a time or duration counts in.
struct Clock {
    bool is_time = false; // since the Unix epoch
    unsigned unit_ns = 1;
    const char* unit = "ns";
};

std::optional<Clock> clock_of(Meaning meaning) {
    switch (meaning) {
    case Meaning::time_ns:
        return Clock{true, 1, "ns"};
    case Meaning::time_us:
        return Clock{true, 1'000, "us"};
    case Meaning::time_ms:
        return Clock{true, 1'000'000, "ms"};
    case Meaning::time_s:
        return Clock{true, 1'000'000'000, "s"};
    case Meaning::duration_ns:
    case Meaning::ktime_ns:
        return Clock{false, 1, "ns"};
    case Meaning::duration_us:
        return Clock{false, 1'000, "us"};
    case Meaning::duration_ms:
        return Clock{false, 1'000'000, "ms"};
    case Meaning::duration_s:
        return Clock{false, 1'000'000'000, "s"};
    default:
        return std::nullopt;
    }
}

Wide read_time_literal(const Layout& field, const Clock& clock, std::string_view text,
                       std::uint64_t now_ns) {
    if (const auto time = parse_exact_time(text, now_ns)) {
        const auto size = static_cast<Wide>(*time < 0 ? -*time : *time);
        return fitted_or_refused(field, {*time < 0, false, size / clock.unit_ns}, text);
    }
    // As --raw prints it. A small number is no time in January 1970, but meant as something else.
    const Wide least = Wide{1'000'000'000'000'000} / clock.unit_ns;
    const auto number = parse_exact_number(text);
    if (number && (number->size == 0 || number->size >= least))
        return fitted_or_refused(field, *number, text);
    throw no_such(text, "a time")
        .hint("such as 2026-11-21T01:02:03Z, 2026-11-21, now-5m, or " + std::string(clock.unit) +
              " since 1970");
}

Wide read_duration_literal(const Layout& field, const Clock& clock, std::string_view text) {
    auto duration = parse_exact_duration(text);
    if (!duration)
        throw no_such(text, "a duration").hint("such as 5s, 10ms, 3us, 2m or 1h");
    if (!duration->too_large && duration->size % clock.unit_ns != 0)
        throw no_such(text, "a whole number of " + std::string(clock.unit))
            .hint("the field counts nothing smaller");
    duration->size /= clock.unit_ns;
    return fitted_or_refused(field, *duration, text);
}

// One part of SYN|ACK, or the whole literal.
Wide read_part(const Layout& field, std::string_view text) {
    if (const auto named = named_value(field, text))
        return *named;
    if (const auto number = parse_exact_number(text))
        return fitted_or_refused(field, *number, text);
    throw no_such(text, expected_integer(field));
}

} // namespace

unsigned __int128 read_integer_literal(const Layout& field, std::string_view text,
                                       std::uint64_t now_ns) {
    if (const auto clock = clock_of(field.meaning))
        return clock->is_time ? read_time_literal(field, *clock, text, now_ns)
                              : read_duration_literal(field, *clock, text);
    if (field.kind == Layout::Kind::character && text.size() == 1 &&
        (text[0] < '0' || text[0] > '9'))
        return field.is_signed ? static_cast<Wide>(static_cast<__int128>(text[0]))
                               : Wide{static_cast<unsigned char>(text[0])};
    const bool joined = text.find('|') != std::string_view::npos;
    if (!joined)
        return read_part(field, text);
    if (field.meaning != Meaning::tcp_flags && field.meaning != Meaning::flags &&
        !field.enumerators)
        throw no_such(text, expected_integer(field)).hint("any of several values: in (A, B)");
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
    throw no_such(text, "true or false");
}

double read_real_literal(const Layout& field, std::string_view text) {
    double value = 0;
    const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (fault != std::errc{} || end != digits.data() + digits.size()) {
        const auto number = parse_exact_number(text); // with a unit, or hexadecimal
        if (!number || number->too_large)
            throw no_such(text, "a number");
        value = static_cast<double>(number->size) * (number->negative ? -1 : 1);
    }
    if (field.size != 4)
        return value;
    if (std::isfinite(value) && std::fabs(value) > std::numeric_limits<float>::max())
        throw no_such(text, "a number that a float can hold");
    return static_cast<double>(static_cast<float>(value));
}

} // namespace dynmon
