// SPDX-License-Identifier: BSD-2-Clause
// One value of a leaf: loaded, combined with that of another CPU by a rule, stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "decode/merge_rule.hpp"
#include "decode/scalar.hpp"

namespace dynmon {

// A whole number of up to 64 bits; T says whether it has a sign.
template <typename T, typename Byte, typename Short, typename Int>
T load_word(const Scalar& scalar, const std::byte* root) {
    const std::byte* at = root + scalar.offset;
    if (scalar.bit_size == 0 && !scalar.swapped) {
        switch (scalar.size) {
        case 1:
            return load<Byte>(at);
        case 2:
            return load<Short>(at);
        case 4:
            return load<Int>(at);
        case 8:
            return load<T>(at);
        default:
            break;
        }
    }
    return static_cast<T>(load_integer(scalar, root));
}

inline void store_word(const Scalar& scalar, std::uint64_t value, std::byte* root) {
    std::byte* at = root + scalar.offset;
    if (scalar.bit_size == 0 && !scalar.swapped && scalar.size == 8)
        std::memcpy(at, &value, 8);
    else if (scalar.bit_size == 0 && !scalar.swapped && scalar.size == 4)
        std::memcpy(at, &value, 4);
    else
        store_integer(scalar, value, root);
}

template <typename T>
T load_as(const Scalar& scalar, const std::byte* root) {
    if constexpr (std::is_same_v<T, double>)
        return load_real(scalar, root);
    else if constexpr (std::is_same_v<T, std::uint64_t>)
        return load_word<T, std::uint8_t, std::uint16_t, std::uint32_t>(scalar, root);
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return load_word<T, std::int8_t, std::int16_t, std::int32_t>(scalar, root);
    else
        return static_cast<T>(load_integer(scalar, root));
}

// The sum of a real, or modulo 2^128: others have room of their own, see MergePlan.
template <typename T>
T combine(MergeRule rule, T sofar, T value) {
    switch (rule) {
    case MergeRule::sum:
        if constexpr (std::is_same_v<T, double>)
            return sofar + value;
        else
            return static_cast<T>(static_cast<unsigned __int128>(sofar) +
                                  static_cast<unsigned __int128>(value));
    case MergeRule::max:
        return value > sofar ? value : sofar;
    case MergeRule::min:
    case MergeRule::leads:
        return value != 0 && (sofar == 0 || value < sofar) ? value : sofar;
    case MergeRule::first:
        return sofar != 0 ? sofar : value;
    case MergeRule::last:
        return value != 0 ? value : sofar;
    case MergeRule::bit_or:
        if constexpr (!std::is_same_v<T, double>)
            return sofar | value;
        break;
    case MergeRule::follows: // is no matter of two values
        break;
    }
    return sofar;
}

} // namespace dynmon
