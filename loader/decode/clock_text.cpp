// SPDX-License-Identifier: BSD-2-Clause
// Times and durations of every unit as text.
#include "decode/scalar_text.hpp"

namespace dynmon {

namespace {

// Seconds, rounded down, and the nanoseconds from there on.
struct Instant {
    std::int64_t second;
    std::uint32_t ns;
};

template <std::uint64_t per_second>
Instant split(std::uint64_t value, bool is_signed) {
    constexpr auto per = static_cast<std::int64_t>(per_second);
    auto second = static_cast<std::int64_t>(value / per_second);
    auto rest = static_cast<std::int64_t>(value % per_second);
    if (const auto below = static_cast<std::int64_t>(value); is_signed && below < 0) {
        second = (below + 1) / per - 1;
        rest = per == 1 ? 0 : (below + 1) % per + per - 1;
    }
    return {second, static_cast<std::uint32_t>(rest * (1'000'000'000 / per))};
}

Instant split(const Scalar& scalar, std::uint64_t value, bool is_signed) {
    switch (scalar.unit) {
    case 0:
        return split<1'000'000'000>(value, is_signed);
    case 1:
        return split<1'000'000>(value, is_signed);
    case 2:
        return split<1'000>(value, is_signed);
    default:
        return split<1>(value, is_signed);
    }
}

// What is beyond the years 0 to 9999 is a number.
void put_time_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    constexpr std::int64_t first = -62'167'219'200;
    constexpr std::int64_t last = 253'402'300'799;
    const std::uint64_t value = load_word(scalar, root);
    const Instant when = split(scalar, value, scalar.is_signed);
    const bool wrapped = !scalar.is_signed && when.second < 0; // more than 2^63 seconds
    if (when.second < first || when.second > last || wrapped)
        return put_nameless(scalar, root, to, json);
    if (json)
        to.put('"');
    to.at = put_time(to.at, when.second, when.ns);
    if (scalar.unit != 0) { // ".123456789Z": three digits less a unit, without them no point
        to.at -= 1 + 3 * scalar.unit + (scalar.unit == 3 ? 1 : 0);
        to.put('Z');
    }
    if (json)
        to.put('"');
}

void put_duration_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const unsigned __int128 all = load_integer(scalar, root);
    const auto value = static_cast<std::uint64_t>(all);
    const auto extended =
        static_cast<unsigned __int128>(__int128{static_cast<std::int64_t>(value)});
    if (all != (scalar.is_signed ? extended : value)) // a sum of more than 500 years
        return put_nameless(scalar, root, to, json);
    const bool negative = scalar.is_signed && static_cast<std::int64_t>(value) < 0;
    const Instant length = split(scalar, negative ? 0 - value : value, false);
    if (json)
        to.put('"');
    to.at = put_seconds(to.at, static_cast<std::uint64_t>(length.second), length.ns, negative);
    if (json)
        to.put('"');
}

} // namespace

// A time of 0 is "never": no probe has seen 1970 or the host's first nanosecond.
void put_clock(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    if (scalar.op != Scalar::Op::duration && load_word(scalar, root) == 0)
        to.put(json ? "null" : "");
    else if (scalar.op == Scalar::Op::time)
        put_time_of(scalar, root, to, json);
    else
        put_duration_of(scalar, root, to, json);
}

} // namespace dynmon
