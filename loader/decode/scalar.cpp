// SPDX-License-Identifier: BSD-2-Clause
// Integers of any width and reals in and out of memory.
#include "decode/scalar.hpp"

#include "decode/half.hpp"

namespace dynmon {

unsigned width(const Scalar& scalar) {
    return scalar.bit_size != 0 ? scalar.bit_size : scalar.size * 8;
}

double load_real(const Scalar& scalar, const std::byte* root) {
    const std::byte* from = root + scalar.offset;
    if (scalar.size == 8)
        return load<double>(from);
    return scalar.size == 4 ? load<float>(from) : from_half(load<std::uint16_t>(from));
}

void store_real(const Scalar& scalar, double value, std::byte* root) {
    std::byte* at = root + scalar.offset;
    const auto narrow = static_cast<float>(value);
    const std::uint16_t half = to_half(value);
    if (scalar.size == 8)
        std::memcpy(at, &value, 8);
    else if (scalar.size == 4)
        std::memcpy(at, &narrow, 4);
    else
        std::memcpy(at, &half, 2);
}

unsigned __int128 load_integer(const Scalar& scalar, const std::byte* root) {
    const std::byte* at = root + scalar.offset;
    unsigned __int128 value = 0;
    std::memcpy(&value, at, scalar.size < 16 ? scalar.size : 16);
    unsigned bits = scalar.size * 8;
    if (scalar.bit_size != 0) {
        bits = scalar.bit_size;
        value >>= scalar.bit_offset;
        if (scalar.size > 16) // a bitfield of 128 bits may lie across 17 bytes
            value |= static_cast<unsigned __int128>(load<std::uint8_t>(at + 16))
                     << (128 - scalar.bit_offset);
    } else if (scalar.swapped) {
        value = __builtin_bswap64(static_cast<std::uint64_t>(value)) >> (64 - bits);
    }
    if (bits >= 128)
        return value;
    value <<= 128 - bits;
    return scalar.is_signed
               ? static_cast<unsigned __int128>(static_cast<__int128>(value) >> (128 - bits))
               : value >> (128 - bits);
}

void store_integer(const Scalar& scalar, unsigned __int128 value, std::byte* root) {
    std::byte* at = root + scalar.offset;
    if (scalar.bit_size == 0) {
        if (scalar.swapped)
            value = __builtin_bswap64(static_cast<std::uint64_t>(value)) >> (64 - scalar.size * 8);
        std::memcpy(at, &value, scalar.size);
        return;
    }
    for (unsigned i = 0; i < scalar.bit_size; ++i) {
        const unsigned bit = scalar.bit_offset + i;
        const std::byte mask{static_cast<std::uint8_t>(1u << bit % 8)};
        at[bit / 8] = (value >> i & 1) ? at[bit / 8] | mask : at[bit / 8] & ~mask;
    }
}

} // namespace dynmon
