// SPDX-License-Identifier: BSD-2-Clause
// Programs of single instructions, put into raw.bpf.o.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <linux/bpf.h>

#include "manifest/manifest.hpp"
#include "object/elf.hpp"
#include "object/object.hpp"
#include "policy/behaviour.hpp"
#include "policy/linked_code.hpp"
#include "policy/rules.hpp"
#include "sandboxing.hpp"

namespace dynmon::test {

// libbpf reads in this process: the objects are our own, and many.
struct WithoutTrials {
    WithoutTrials() { set_sandboxing(false); }
    ~WithoutTrials() { set_sandboxing(true); }
};

inline bpf_insn make(unsigned code, unsigned dst = 0, unsigned src = 0, int off = 0, int imm = 0) {
    bpf_insn insn{};
    insn.code = static_cast<__u8>(code);
    insn.dst_reg = dst & 0xf;
    insn.src_reg = src & 0xf;
    insn.off = static_cast<__s16>(off);
    insn.imm = imm;
    return insn;
}
inline bpf_insn move(unsigned dst, int imm) {
    return make(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}
inline bpf_insn copy(unsigned dst, unsigned src) {
    return make(BPF_ALU64 | BPF_MOV | BPF_X, dst, src);
}
inline bpf_insn add(unsigned dst, int imm) {
    return make(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}
inline bpf_insn jump_if_zero(unsigned reg, int off) {
    return make(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, off);
}
inline bpf_insn go(int off) {
    return make(BPF_JMP | BPF_JA, 0, 0, off);
}
inline bpf_insn call(int helper) {
    return make(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}
inline bpf_insn leave() {
    return make(BPF_JMP | BPF_EXIT);
}
inline bpf_insn load(unsigned size, unsigned dst, unsigned src, int off) {
    return make(BPF_LDX | BPF_MEM | size, dst, src, off);
}
inline bpf_insn store(unsigned size, unsigned dst, int off, unsigned src) {
    return make(BPF_STX | BPF_MEM | size, dst, src, off);
}
inline bpf_insn atomic(unsigned size, unsigned dst, int off, unsigned src, int operation) {
    return make(BPF_STX | 0xc0 | size, dst, src, off, operation);
}
// The hand-over, with the registers that raw.bpf.c has set.
inline std::vector<bpf_insn> hand_over() {
    return {copy(1, 6), copy(2, 7), copy(3, 8), call(BPF_FUNC_tail_call)};
}

constexpr std::size_t prologue = 8; // instructions of raw.bpf.c before the room
constexpr std::size_t room = 64;

inline std::vector<std::byte> raw_bytes(const std::string& section,
                                        const std::vector<bpf_insn>& program) {
    std::vector<std::byte> bytes =
        read_file(std::string(DYNMON_POLICY_OBJECTS) + "/raw.bpf.o", 1u << 20);
    const ElfFile elf = ElfFile::read(bytes);
    const std::byte* data = elf.section(section)->data.data() + prologue * sizeof(bpf_insn);
    if (!program.empty())
        std::memcpy(bytes.data() + (data - bytes.data()), program.data(),
                    std::min(program.size(), room) * sizeof(bpf_insn));
    return bytes;
}

// What the program in `section` ("tc" or "xdp") does; behind it stands the way out with the neutral
// verdict. `hands_over`: as a program that other probes may follow.
inline std::vector<std::string> effects(const std::vector<bpf_insn>& program,
                                        const std::string& section = "tc", bool hands_over = false,
                                        bool may_drop = false) {
    const Object object = Object::parse(raw_bytes(section, program), "raw.bpf.o");
    ProgramInfo info = *object.program("raw_" + section);
    info.hand_over = hands_over;
    std::vector<std::string> found;
    for (const Effect& effect : behaviour_of(object, info, may_drop))
        found.push_back((effect.power ? std::string(to_string(*effect.power)) + ": " : "never: ") +
                        effect.what);
    return found;
}

} // namespace dynmon::test
