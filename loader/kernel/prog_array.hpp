// SPDX-License-Identifier: BSD-2-Clause
// A chain's PROG_ARRAY, and why the kernel refuses a program there.
#pragma once

#include <cstdint>
#include <string>

#include <linux/bpf.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace dynmon {

// What the first program of a PROG_ARRAY, or the first that calls through it, has laid down for all
// others. The kernel says no more of it than this.
struct ArrayOwner {
    std::uint32_t type = 0; // bpf_prog_type; 0: no program has come near it yet
    bool jited = false;
};
ArrayOwner owner_of(const Fd& array);

// Does this kernel also compare the expected attach types of the programs of a PROG_ARRAY? Linux
// 6.18 does, and stable kernels since, such as 6.1.192. False where that cannot be tried.
bool compares_attach_types();

// The error for a program that the kernel refused in `array` with EINVAL: what differs, as far as
// that is known. Pure but for its arguments.
Error array_refusal(const std::string& program, bpf_prog_type type, const ArrayOwner& owner,
                    bool attach_types_compared);

// Writes a slot. Throws array_refusal().
void put_program(const Fd& array, std::uint32_t slot, const Fd& program);

} // namespace dynmon
