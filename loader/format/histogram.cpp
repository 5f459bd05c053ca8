// SPDX-License-Identifier: BSD-2-Clause
#include "format/histogram.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace dynmon {

namespace {

long double largest_of(const Buckets& buckets, std::size_t bucket) {
    if (buckets.scale == BucketScale::log2)
        return std::ldexp(1.0L, static_cast<int>(bucket) + 1) - 1;
    return static_cast<long double>(buckets.min) +
           static_cast<long double>(bucket + 1) * static_cast<long double>(buckets.width) - 1;
}

} // namespace

// The factor is taken by its decimal digits: as a double, 1e-09 is off by enough to be seen.
double scaled(long double value, double factor) {
    if (factor == 1)
        return static_cast<double>(value);
    char text[32];
    *std::to_chars(text, text + sizeof text - 1, factor).ptr = '\0';
    return static_cast<double>(value * std::strtold(text, nullptr));
}

Histogram make_histogram(const Buckets& buckets, std::size_t count) {
    Histogram histogram{.bounds = {}, .factor = buckets.multiplier, .has_sum = false};
    for (std::size_t i = 0; i + 1 < count; ++i)
        histogram.bounds.push_back(scaled(largest_of(buckets, i), buckets.multiplier));
    return histogram;
}

void append_bound(double bound, std::string& out) {
    char text[32];
    const char* const end =
        std::to_chars(text, text + sizeof text, bound, std::chars_format::scientific).ptr;
    const std::string_view all(text, static_cast<std::size_t>(end - text));
    const char* digits = text + all.find('e') + 1;
    if (*digits == '+') // which from_chars does not take
        ++digits;
    int exponent = 0;
    std::from_chars(digits, end, exponent);
    // Where %g changes to an exponent when it has six digits: that is what readers expect.
    if (bound != 0 && (exponent < -4 || exponent >= 6)) {
        out += all;
        return;
    }
    const auto fixed = std::to_chars(text, text + sizeof text, bound, std::chars_format::fixed);
    const std::string_view plain(text, static_cast<std::size_t>(fixed.ptr - text));
    out += plain;
    if (plain.find('.') == std::string_view::npos)
        out += ".0";
}

} // namespace dynmon
