// SPDX-License-Identifier: BSD-2-Clause
// Literals by the type of the field: numbers and units, names, bytes, clocks; which fits which, and
// what to say when it does not.

#include "filter/literal.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include <arpa/inet.h>

#include "base/text.hpp"
#include "btf/semantic.hpp"
#include "decode/parameters.hpp"
#include "decode/scalar.hpp"
#include "decode/text.hpp"

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

// Addresses, prefixes and bytes of a condition.

namespace {

bool read_hex(std::string_view digits, std::string& bytes) {
    if (digits.starts_with("0x") || digits.starts_with("0X"))
        digits.remove_prefix(2);
    if (digits.size() % 2 != 0)
        return false;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        unsigned value = 0;
        const auto [end, fault] =
            std::from_chars(digits.data() + i, digits.data() + i + 2, value, 16);
        if (fault != std::errc{} || end != digits.data() + i + 2)
            return false;
        bytes += static_cast<char>(value);
    }
    return true;
}

// 02:00:00:00:00:01 or 02-00-…
bool read_mac(std::string_view text, std::string& bytes) {
    if (text.size() != 17)
        return false;
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i % 3 == 2 && text[i] != ':' && text[i] != '-')
            return false;
        if (i % 3 != 2)
            digits += text[i];
    }
    return read_hex(digits, bytes);
}

constexpr std::string_view mapped_prefix("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

// The prefix length, in bits of the field; -1: the text has none; nullopt: nonsense.
std::optional<int> take_prefix(std::string_view& text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return -1;
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    text = text.substr(0, slash);
    if (digits.empty() || fault != std::errc{} || end != digits.data() + digits.size() ||
        length > 128)
        return std::nullopt;
    return static_cast<int>(length);
}

std::optional<BytesLiteral> read_address(Semantic semantic, std::string_view text) {
    const auto prefix = take_prefix(text);
    if (!prefix)
        return std::nullopt;
    char bytes[16];
    const bool is_v4 = inet_pton(AF_INET, std::string(text).c_str(), bytes) == 1;
    if (!is_v4 && inet_pton(AF_INET6, std::string(text).c_str(), bytes) != 1)
        return std::nullopt;
    if ((is_v4 && semantic == Semantic::ipv6) || (!is_v4 && semantic == Semantic::ipv4))
        return std::nullopt;
    const std::size_t size = is_v4 ? 4 : 16;
    if (*prefix > static_cast<int>(size * 8))
        return std::nullopt;
    BytesLiteral literal;
    literal.version = is_v4 ? 4 : 6;
    literal.bytes.assign(bytes, size);
    literal.bits = *prefix < 0 ? size * 8 : static_cast<std::size_t>(*prefix);
    if (is_v4 && semantic == Semantic::ip) {
        literal.bytes.insert(0, mapped_prefix);
        literal.bits += mapped_prefix.size() * 8;
    }
    return literal;
}

std::string expected_address(Semantic semantic) {
    switch (semantic) {
    case Semantic::ipv4:
        return "an IPv4 address or prefix such as 10.0.0.0/8";
    case Semantic::ipv6:
        return "an IPv6 address or prefix such as fd00::/8";
    default:
        return "an address or prefix such as 10.0.0.1 or fd00::/8";
    }
}

} // namespace

BytesLiteral read_bytes_literal(const Layout& field, std::string_view text) {
    BytesLiteral literal;
    literal.bits = field.size * 8;
    switch (field.semantic) {
    case Semantic::ipv4:
    case Semantic::ipv6:
    case Semantic::ip:
        if (const auto address = read_address(field.semantic, text))
            return *address;
        throw no_such_literal(text, expected_address(field.semantic));
    case Semantic::mac:
        if (!read_mac(text, literal.bytes))
            throw no_such_literal(text, "a MAC address such as 02:00:00:00:00:01");
        return literal;
    default:
        if (!read_hex(text, literal.bytes) || literal.bytes.size() != field.size)
            throw no_such_literal(text, std::to_string(field.size) + " bytes as " +
                                            std::to_string(field.size * 2) + " hexadecimal digits");
        return literal;
    }
}

Prefix read_prefix_literal(const Layout& field, std::string_view text) {
    constexpr std::size_t with_ipv4 = 8;
    const Semantic family = field.size == with_ipv4 ? Semantic::ipv4 : Semantic::ipv6;
    const auto address = read_address(family, text);
    if (!address)
        throw no_such_literal(text, expected_address(family));
    return Prefix::of(address->bytes.data(), address->bytes.size(),
                      static_cast<std::uint32_t>(address->bits));
}

// Times and durations of a condition, in the unit that their field counts in.

namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t ns_per[] = {1, 1'000, 1'000'000, 1'000'000'000}; // by clock_unit()
constexpr const char* unit_names[] = {"ns", "us", "ms", "s"};

// What comes out uneven would be a border where the field has no value.
ExactNumber in_unit(const Layout& field, ExactNumber ns, std::string_view text) {
    const std::uint8_t unit = clock_unit(field.semantic);
    if (ns.too_large)
        return ns;
    if (ns.size % ns_per[unit] != 0)
        throw no_such_literal(text, std::string("a whole number of ") + unit_names[unit])
            .hint("the field counts in them");
    ns.size /= ns_per[unit];
    return ns;
}

Wide read_time(const Layout& field, std::string_view text, std::uint64_t now_ns) {
    const std::uint64_t per = ns_per[clock_unit(field.semantic)];
    if (const auto time = parse_exact_time(text, now_ns - now_ns % per)) {
        const auto size = static_cast<Wide>(*time < 0 ? -*time : *time);
        return fitted_or_refused(field, in_unit(field, {*time < 0, false, size}, text), text);
    }
    // As --raw prints it. A small number is no time in January 1970, but meant as something else.
    constexpr Wide least = 1'000'000'000'000'000;
    const auto number = parse_exact_number(text);
    if (number && (number->size == 0 || number->size >= least / per))
        return fitted_or_refused(field, *number, text);
    throw no_such_literal(text, "a time")
        .hint(std::string("such as 2026-11-21T01:02:03Z, 2026-11-21, now-5m, or ") +
              unit_names[clock_unit(field.semantic)] + " since 1970");
}

Wide read_duration(const Layout& field, std::string_view text) {
    if (const auto duration = parse_exact_duration(text))
        return fitted_or_refused(field, in_unit(field, *duration, text), text);
    throw no_such_literal(text, "a duration").hint("such as 5s, 10ms, 3us, 2m or 1h");
}

} // namespace

// Time since boot is a duration to people, and so it is printed.
unsigned __int128 read_clock_literal(const Layout& field, std::string_view text,
                                     std::uint64_t now_ns) {
    if (is_duration(field.semantic) || field.semantic == Semantic::ktime_ns)
        return read_duration(field, text);
    return read_time(field, text, now_ns);
}

// The names that values have: of flags, protocols, states, interfaces and enums.

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

// Exact to the last digit: no number passes through a double.

namespace {

using Wide = unsigned __int128;
constexpr Wide widest = ~Wide{0};
constexpr std::uint64_t ns_per_second = 1'000'000'000;

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array amounts = {
    Unit{"", 1},
    Unit{"k", 1'000},
    Unit{"K", 1'000},
    Unit{"kB", 1'000},
    Unit{"KB", 1'000},
    Unit{"M", 1'000'000},
    Unit{"MB", 1'000'000},
    Unit{"G", 1'000'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"T", 1'000'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"Ki", 1ull << 10},
    Unit{"KiB", 1ull << 10},
    Unit{"Mi", 1ull << 20},
    Unit{"MiB", 1ull << 20},
    Unit{"Gi", 1ull << 30},
    Unit{"GiB", 1ull << 30},
    Unit{"Ti", 1ull << 40},
    Unit{"TiB", 1ull << 40},
};

constexpr std::array durations = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"µs", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", ns_per_second},
    Unit{"m", 60 * ns_per_second},
    Unit{"min", 60 * ns_per_second},
    Unit{"h", 3600 * ns_per_second},
    Unit{"d", 86400 * ns_per_second},
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

int digit_of(char c) { // 16: none
    if (is_digit(c))
        return c - '0';
    const char low = static_cast<char>(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : 16;
}

// Takes digits, with _ between them, off the front; false when there are none.
bool take_digits(std::string_view& text, unsigned base, ExactNumber& number,
                 std::size_t* count = nullptr) {
    bool after_digit = false;
    std::size_t taken = 0;
    for (; !text.empty(); text.remove_prefix(1)) {
        if (text.front() == '_' && after_digit && text.size() > 1 &&
            digit_of(text[1]) < static_cast<int>(base)) {
            after_digit = false;
            continue;
        }
        const int digit = digit_of(text.front());
        if (digit >= static_cast<int>(base))
            break;
        const auto add = static_cast<unsigned>(digit);
        number.too_large = number.too_large || number.size > (widest - add) / base;
        number.size = number.size * base + add;
        after_digit = true;
        ++taken;
    }
    if (count)
        *count = taken;
    return taken > 0;
}

// "1.5" with a factor of 1000 is 1500; what would not come out even is no number.
template <std::size_t N>
std::optional<ExactNumber> parse_with_unit(std::string_view text,
                                           const std::array<Unit, N>& units) {
    ExactNumber number;
    if (!take_digits(text, 10, number))
        return std::nullopt;
    Wide scale = 1;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        std::size_t places = 0;
        if (!take_digits(text, 10, number, &places) || places > 18)
            return std::nullopt;
        for (; places > 0; --places)
            scale *= 10;
    }
    for (const Unit& unit : units) {
        if (unit.name != text)
            continue;
        number.too_large = number.too_large || number.size > widest / unit.factor;
        number.size *= unit.factor;
        if (!number.too_large && number.size % scale != 0)
            return std::nullopt;
        number.size /= scale;
        return number;
    }
    return std::nullopt;
}

bool take_sign(std::string_view& text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+'))
        text.remove_prefix(1);
    return negative;
}

// Takes `length` digits off the front.
bool take_padded(std::string_view& text, std::size_t length, unsigned& number) {
    number = 0;
    if (text.size() < length)
        return false;
    for (std::size_t i = 0; i < length; ++i) {
        if (!is_digit(text[i]))
            return false;
        number = number * 10 + static_cast<unsigned>(text[i] - '0');
    }
    text.remove_prefix(length);
    return true;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c))
        return false;
    text.remove_prefix(1);
    return true;
}

bool take_fraction(std::string_view& text, std::uint64_t& ns) {
    std::uint64_t unit = ns_per_second / 10;
    bool any = false;
    for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), unit /= 10) {
        if (unit == 0)
            return false; // finer than nanoseconds
        ns += static_cast<std::uint64_t>(text.front() - '0') * unit;
        any = true;
    }
    return any;
}

// Seconds to take away for the zone behind the time; UTC without one.
bool take_zone(std::string_view& text, std::int64_t& offset) {
    if (text.empty() || text == "Z" || text == "z") {
        text = {};
        return true;
    }
    const bool west = text.front() == '-';
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!(take(text, '+') || take(text, '-')) || !take_padded(text, 2, hours))
        return false;
    take(text, ':');
    if (!take_padded(text, 2, minutes) || hours > 23 || minutes > 59)
        return false;
    offset = static_cast<std::int64_t>(hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool take_clock(std::string_view& text, std::int64_t& seconds, std::uint64_t& ns) {
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    if (!take_padded(text, 2, hour) || !take(text, ':') || !take_padded(text, 2, minute))
        return false;
    if (take(text, ':') &&
        (!take_padded(text, 2, second) || (take(text, '.') && !take_fraction(text, ns))))
        return false;
    seconds += hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

} // namespace

std::optional<ExactNumber> parse_exact_number(std::string_view text) {
    const bool negative = take_sign(text);
    std::optional<ExactNumber> number;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        number.emplace();
        if (!take_digits(text, 16, *number) || !text.empty())
            return std::nullopt;
    } else {
        number = parse_with_unit(text, amounts);
    }
    if (number)
        number->negative = negative;
    return number;
}

std::optional<ExactNumber> parse_exact_duration(std::string_view text) {
    const bool negative = take_sign(text);
    auto number = text == "0" ? ExactNumber{} : parse_with_unit(text, durations);
    if (number)
        number->negative = negative;
    return number;
}

std::optional<__int128> parse_exact_time(std::string_view text, std::uint64_t now_ns) {
    if (text.starts_with("now")) {
        text.remove_prefix(3);
        if (text.empty())
            return now_ns;
        const auto moved = parse_exact_duration(text);
        if (!(text.front() == '-' || text.front() == '+') || !moved || moved->too_large ||
            moved->size >> 100 != 0)
            return std::nullopt;
        const auto size = static_cast<__int128>(moved->size);
        return __int128{now_ns} + (moved->negative ? -size : size);
    }
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!take_padded(text, 4, year) || !take(text, '-') || !take_padded(text, 2, month) ||
        !take(text, '-') || !take_padded(text, 2, day))
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(month), std::chrono::day(day)};
    std::int64_t seconds = 0;
    std::uint64_t ns = 0;
    std::int64_t zone = 0;
    if (!date.ok() ||
        (!text.empty() && !((take(text, 'T') || take(text, ' ')) && take_clock(text, seconds, ns) &&
                            take_zone(text, zone))) ||
        !text.empty())
        return std::nullopt;
    seconds += std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86400} - zone;
    return __int128{seconds} * ns_per_second + ns;
}

} // namespace dynmon
