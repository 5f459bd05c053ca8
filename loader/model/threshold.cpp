// SPDX-License-Identifier: BSD-2-Clause
#include "model/threshold.hpp"

namespace dynmon {

namespace {

std::uint64_t bias_of(const FeatureRange& range) {
    return range.is_signed ? std::uint64_t{1} << (range.bits - 1) : 0;
}

// Straight from the integer to the type, as NumPy and R do it: by way of double it would be rounded
// twice.
template <typename Real>
Real real_of(std::uint64_t rank, const FeatureRange& range) {
    if (!range.is_signed)
        return static_cast<Real>(rank);
    return static_cast<Real>(static_cast<std::int64_t>(rank - bias_of(range)));
}

} // namespace

std::uint64_t rank_of(std::int64_t value, const FeatureRange& range) {
    return static_cast<std::uint64_t>(value) + bias_of(range);
}

std::uint64_t last_rank(const FeatureRange& range) {
    return ~std::uint64_t{0} >> (64 - range.bits);
}

bool goes_left(Comparison comparison, double threshold, std::uint64_t rank,
               const FeatureRange& range) {
    switch (comparison) {
    case Comparison::float_at_most:
        return static_cast<double>(real_of<float>(rank, range)) <= threshold;
    case Comparison::float_below:
        return real_of<float>(rank, range) < static_cast<float>(threshold);
    case Comparison::at_most:
        return real_of<double>(rank, range) <= threshold;
    case Comparison::below:
        return real_of<double>(rank, range) < threshold;
    }
    return false;
}

std::optional<std::uint64_t> last_left(Comparison comparison, double threshold,
                                       const FeatureRange& range) {
    if (!goes_left(comparison, threshold, 0, range))
        return std::nullopt;
    std::uint64_t left = 0, beyond = last_rank(range);
    if (goes_left(comparison, threshold, beyond, range))
        return beyond;
    while (beyond - left > 1) { // rounding keeps the order, so that the answer changes once
        const std::uint64_t middle = left + (beyond - left) / 2;
        (goes_left(comparison, threshold, middle, range) ? left : beyond) = middle;
    }
    return left;
}

} // namespace dynmon
