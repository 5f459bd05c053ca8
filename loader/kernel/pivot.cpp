// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/pivot.hpp"

#include <array>
#include <cerrno>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/load_object.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/rights.hpp"
#include "pivot.skel.h"

namespace dynmon {

namespace tiny {

bpf_insn make(int code, int dst, int src, std::int16_t offset, std::int32_t imm) {
    bpf_insn insn{};
    insn.code = static_cast<__u8>(code);
    insn.dst_reg = static_cast<__u8>(dst & 0xf);
    insn.src_reg = static_cast<__u8>(src & 0xf);
    insn.off = offset;
    insn.imm = imm;
    return insn;
}

bpf_insn set(int reg, std::int32_t value) {
    return make(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value);
}

bpf_insn zero_stack(std::int16_t offset) {
    return make(BPF_ST | BPF_DW | BPF_MEM, BPF_REG_10, 0, offset, 0);
}

bpf_insn call(std::int32_t helper) {
    return make(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

bpf_insn atomic(std::int32_t operation, std::int16_t offset, int reg) {
    return make(BPF_STX | BPF_DW | BPF_ATOMIC, BPF_REG_10, reg, offset, operation);
}

bpf_insn leave() {
    return make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

} // namespace tiny

int try_load(const TinyProgram& wanted, Fd* program, std::string* log) {
    std::array<char, 4096> text{};
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = wanted.attach_type,
                .prog_flags = wanted.flags);
    if (log != nullptr) {
        options.log_buf = text.data();
        options.log_size = text.size();
        options.log_level = 1;
    }
    Fd loaded;
    const int result = bpf_prog_load(wanted.type, "dynmon_try", "Dual BSD/GPL", wanted.code.data(),
                                     wanted.code.size(), &options);
    if (log != nullptr)
        *log = text.data();
    if (result < 0)
        return result;
    loaded = Fd(result);
    if (program != nullptr)
        *program = std::move(loaded);
    return 0;
}

namespace {

struct SkeletonDestroy {
    void operator()(pivot_bpf* skeleton) const { pivot_bpf::destroy(skeleton); }
};

} // namespace

std::vector<std::byte> pivot_object() {
    std::size_t size = 0;
    const auto* bytes = static_cast<const std::byte*>(pivot_bpf::elf_bytes(&size));
    return {bytes, bytes + size};
}

Pivot load_pivot(bool xdp, bool frags) {
    const LibbpfLog log;
    const std::unique_ptr<pivot_bpf, SkeletonDestroy> skeleton(pivot_bpf::open());
    if (!skeleton)
        throw Error(ErrorKind::failed, "open the pivot", errno);
    bpf_program__set_autoload(skeleton->progs.pivot_xdp, xdp);
    bpf_program__set_autoload(skeleton->progs.pivot_tc, !xdp);
    // What a chain has to agree in is set here as it is for its members, and not left to libbpf.
    for (bpf_program* program : {skeleton->progs.pivot_xdp, skeleton->progs.pivot_tc})
        set_chain_attributes(program, frags);
    bpf_map__set_autocreate(skeleton->maps.chain_xdp, xdp);
    bpf_map__set_autocreate(skeleton->maps.chain_tc, !xdp);
    if (const int result = pivot_bpf::load(skeleton.get()); result < 0) {
        throw Error(ErrorKind::failed, "load the pivot", -result)
            .hint(refusal_hint(-result, {Right::bpf, Right::net_admin}));
    }
    const bpf_program* program = xdp ? skeleton->progs.pivot_xdp : skeleton->progs.pivot_tc;
    const bpf_map* chain = xdp ? skeleton->maps.chain_xdp : skeleton->maps.chain_tc;
    return Pivot{.program = duplicate(bpf_program__fd(program)),
                 .chain = duplicate(bpf_map__fd(chain))};
}

} // namespace dynmon
