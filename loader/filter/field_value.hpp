// SPDX-License-Identifier: BSD-2-Clause
// The value of one field as something to compare: exact integers, reals, bytes in order, text,
// networks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "btf/layout.hpp"
#include "decode/scalar.hpp"

namespace dynmon {

enum class ValueClass : unsigned char {
    integer, // also enums, ports, protocols, flags, times, pointers: by the number they stand for
    boolean,
    real,
    bytes,  // addresses and what is shown as hexadecimal bytes
    prefix, // keys of LPM tries: by address, then by length
    text,   // up to the first NUL
    opaque, // cannot be seen
};
ValueClass value_class(const Layout& field); // `field` prints as one value

// Bits behind the length are zero: a trie keeps them, but they say nothing.
struct Prefix {
    std::array<unsigned char, 16> address{}; // in the order of the network; of IPv4 the first 4
    std::uint32_t length = 0;                // in bits

    static Prefix of(const void* address, std::size_t size, std::uint32_t length);
    bool lies_within(const Prefix& other) const;
    bool operator==(const Prefix&) const = default;
};

class FieldValue {
public:
    explicit FieldValue(const Layout& field);

    ValueClass kind() const { return kind_; }
    bool is_signed() const { return scalar_.is_signed; }
    std::size_t size() const { return scalar_.size; }

    // In all that follows `root` is the start of the key or value.
    unsigned __int128 integer(const std::byte* root) const { // sign-extended
        const std::byte* at = root + scalar_.offset;
        switch (width_) {
        case Width::one:
            return extended<std::int8_t>(load<std::uint8_t>(at));
        case Width::two:
            return extended<std::int16_t>(load<std::uint16_t>(at));
        case Width::four:
            return extended<std::int32_t>(load<std::uint32_t>(at));
        case Width::eight:
            return extended<std::int64_t>(load<std::uint64_t>(at));
        case Width::sixteen:
            return load<unsigned __int128>(at);
        case Width::other:
            break;
        }
        return load_integer(scalar_, root);
    }
    double real(const std::byte* root) const;
    const std::byte* bytes(const std::byte* root) const { return root + scalar_.offset; }
    // The version of the address at `at`: 4 or 6, or 0 where nothing says it.
    int version(const std::byte* at) const {
        const int said = scalar_.version_at == 0 ? 0 : std::to_integer<int>(at[scalar_.version_at]);
        return said == 4 || said == 6 ? said : 0;
    }
    // Addresses by their bytes; of two that are alike IPv4 comes first.
    int compare_bytes(const std::byte* a, const std::byte* b) const {
        const int order = std::memcmp(a, b, size());
        return order != 0 ? order : version(a) - version(b);
    }
    std::string_view text(const std::byte* root) const;
    Prefix prefix(const std::byte* root) const;

    // Below 0, 0 or above 0; NaN counts as less than everything.
    int compare(const std::byte* a, const std::byte* b) const;
    int compare(unsigned __int128 a, unsigned __int128 b) const;
    static int compare(const Prefix& a, const Prefix& b);

private:
    // What is worth a load of its own; bitfields and network order are not.
    enum class Width : unsigned char { one, two, four, eight, sixteen, other };
    static Width width_of(const Scalar& scalar);

    template <typename Signed, typename Unsigned>
    unsigned __int128 extended(Unsigned value) const {
        return scalar_.is_signed
                   ? static_cast<unsigned __int128>(__int128{static_cast<Signed>(value)})
                   : value;
    }

    ValueClass kind_;
    Width width_;
    Scalar scalar_;
};

// An IPv4 or IPv6 prefix as people write it: 10.0.0.0/8, 2001:db8::/32, or one address.

struct Network {
    bool ipv4 = false;
    Prefix prefix; // of IPv4 up to 32 bits

    // Throws Error{usage} that says what was expected, also for bits behind the length that are set
    // (10.1.2.3/8) and for IPv4 in the form of IPv6 (::ffff:10.0.0.1).
    static Network parse(std::string_view text);

    std::string text() const; // with its length, also of one address: 10.0.0.1/32
    bool contains(const Network& other) const;
    bool operator==(const Network&) const = default;
};

// IPv4 first, then by address, then the shorter one first.
bool operator<(const Network& a, const Network& b);

} // namespace dynmon
