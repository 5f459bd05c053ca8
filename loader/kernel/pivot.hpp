// SPDX-License-Identifier: BSD-2-Clause
// Programs built into the loader: the root program of a hook, and tiny ones to try things with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <linux/bpf.h>

#include "base/file.hpp"

namespace dynmon {

// Programs of a few instructions that are loaded only to see whether the kernel takes them.

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

// A pivot that tail-calls slot 0 of `chain` and passes the packet when the slot is empty.
struct Pivot {
    Fd program;
    Fd chain; // PROG_ARRAY of limits::chain_slots entries
};

std::vector<std::byte> pivot_object(); // the ELF file that is built in

// XDP or TC (the same program serves both directions). `frags`, of XDP: it also runs on packets
// that lie in several buffers, and every program of its chain has to as well.
Pivot load_pivot(bool xdp, bool frags);

} // namespace dynmon
