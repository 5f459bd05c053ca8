// SPDX-License-Identifier: BSD-2-Clause
// Exact to the last digit: no number passes through a double.
#include "filter/literal_number.hpp"

#include <array>
#include <chrono>

namespace dynmon {

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
