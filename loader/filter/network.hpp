// SPDX-License-Identifier: BSD-2-Clause
// An IPv4 or IPv6 prefix as people write it: 10.0.0.0/8, 2001:db8::/32, or one address.
#pragma once

#include <string>
#include <string_view>

#include "filter/field_value.hpp"

namespace dynmon {

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
