// SPDX-License-Identifier: BSD-2-Clause
// `--set name=value` and `parameters:` → bytes for .rodata, typed and range-checked through BTF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "btf/layout.hpp"

namespace dynmon {

// The type of one parameter: which texts it takes, which numbers they are, which bytes those make.

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

struct Manifest;
class Object;

// A global to set in .rodata: `bytes` as they are to be in memory, in the global's own size.
struct GlobalValue {
    std::string name;
    std::string text; // as the user wrote it
    std::vector<std::byte> bytes;
};

// The values to write into .rodata: the manifest's defaults overridden by `assignments`
// ("name=value"), each typed and range-checked through BTF; a global that the manifest does not
// list can be set as well. Accepts decimal, 0x…, true/false, 'c', enum names, the suffixes k/M/G
// (powers of 1000) and ns/us/ms/s (nanoseconds), and 10.0.0.1 for IPv4 addresses. A
// dynmon_duration_ns_t and its like take ns/us/ms/s/m/h/d, and no number without a unit but 0.
// Ports, IPv4 addresses and __be types are stored in network order, as programs find them in
// packets.
// Throws Error{usage} that names the parameter, its type and its range, or the nearest name.
std::vector<GlobalValue> resolve_parameters(const Manifest& manifest, const Object& object,
                                            const std::vector<std::string>& assignments);

} // namespace dynmon
