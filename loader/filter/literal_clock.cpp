// SPDX-License-Identifier: BSD-2-Clause
// Times and durations of a condition, in the unit that their field counts in.
#include "btf/semantic.hpp"
#include "filter/literal.hpp"

namespace dynmon {

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

} // namespace dynmon
