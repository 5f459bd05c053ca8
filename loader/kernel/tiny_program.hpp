// SPDX-License-Identifier: BSD-2-Clause
// Programs of a few instructions that are loaded only to see whether the kernel takes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <linux/bpf.h>

#include "base/fd.hpp"

namespace dynmon {

// Instructions, by what they do; registers by number.
namespace tiny {
bpf_insn make(int code, int dst, int src, std::int16_t offset, std::int32_t imm); // any
bpf_insn set(int reg, std::int32_t value);                                        // reg = value
bpf_insn zero_stack(std::int16_t offset); // *(u64*)(r10 + offset) = 0
bpf_insn call(std::int32_t helper);
// Atomic on *(u64*)(r10 + offset) with register `reg`; `operation` as in linux/bpf.h.
bpf_insn atomic(std::int32_t operation, std::int16_t offset, int reg);
bpf_insn leave(); // return r0
} // namespace tiny

struct TinyProgram {
    bpf_prog_type type = BPF_PROG_TYPE_SCHED_CLS;
    std::vector<bpf_insn> code;
    std::uint32_t flags = 0;
    bpf_attach_type attach_type = static_cast<bpf_attach_type>(0);
};

// 0, or a negative errno. `program` (may be null) receives what was loaded, `log` (may be null)
// the beginning of what the verifier said.
int try_load(const TinyProgram& wanted, Fd* program = nullptr, std::string* log = nullptr);

} // namespace dynmon
