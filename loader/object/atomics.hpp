// SPDX-License-Identifier: BSD-2-Clause
// Which map values a program changes atomically, and where in them, read from its instructions.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

class ElfFile;

// One atomic instruction, and one map that it may write to.
struct AtomicAccess {
    std::string map;        // "": the pointer comes from where it cannot be followed to
    std::uint32_t size = 0; // bytes, 1 to 8
    std::int64_t offset = 0;
    // 0: `offset` is the place in the value; else only its rest is known: it is `offset` more than
    // a multiple of that power of two.
    std::uint32_t modulus = 0;

    bool operator==(const AtomicAccess&) const = default;
};

// Follows every branch of `program` and of the functions that it calls, whether or not it can be
// taken, and pointers through registers, the stack and arguments. `maps` are the names of the
// object's maps.
std::vector<AtomicAccess> atomic_accesses(const ElfFile& elf, std::string_view program,
                                          const std::vector<std::string>& maps);

} // namespace dynmon
