// SPDX-License-Identifier: BSD-2-Clause
// The type of one parameter: which texts it takes, which numbers they are, which bytes those make.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "btf/layout.hpp"

namespace dynmon {

struct GlobalInfo;
class Object;

// Holds every value of every integer type, so that one comparison serves them all.
using WideInteger = __int128;

std::string to_text(WideInteger value);

class ParameterType {
public:
    // Throws Error{usage} when the global is no integer, bool, char or enum.
    ParameterType(const Object& object, const GlobalInfo& global);

    // Throws Error{usage} that says what the type takes.
    WideInteger parse(std::string_view text) const;
    // In the order of the bytes in memory: the host's, or the network's for ports, IPv4 addresses
    // and __be types.
    std::vector<std::byte> bytes(WideInteger value) const;
    bool is_map_type() const;     // enum bpf_map_type, whose names may be short: "percpu_hash"
    std::string describe() const; // "a number from 0 to 255 (__u8)", "RED, GREEN or BLUE"

private:
    WideInteger smallest() const;
    WideInteger largest() const;

    Layout layout_;
};

} // namespace dynmon
