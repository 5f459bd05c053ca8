#include <vector>

#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "object/verdict.hpp"

using namespace dynmon;

namespace {

using Verdicts = std::set<std::int32_t>;

bpf_insn make(unsigned code, unsigned dst = 0, unsigned src = 0, int off = 0, int imm = 0) {
    bpf_insn insn{};
    insn.code = static_cast<__u8>(code);
    insn.dst_reg = dst & 0xf;
    insn.src_reg = src & 0xf;
    insn.off = static_cast<__s16>(off);
    insn.imm = imm;
    return insn;
}

bpf_insn move(unsigned dst, int imm) {
    return make(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}
bpf_insn copy(unsigned dst, unsigned src) {
    return make(BPF_ALU64 | BPF_MOV | BPF_X, dst, src);
}
bpf_insn jump_if_zero(unsigned reg, int off) {
    return make(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, off);
}
bpf_insn go(int off) {
    return make(BPF_JMP | BPF_JA, 0, 0, off);
}
bpf_insn call() {
    return make(BPF_JMP | BPF_CALL, 0, 0, 0, 1);
}
bpf_insn leave() {
    return make(BPF_JMP | BPF_EXIT);
}

} // namespace

TEST_CASE("a program that returns one constant has one verdict") {
    const std::vector program{move(0, XDP_PASS), leave()};
    CHECK(possible_verdicts(program) == Verdicts{XDP_PASS});
}

TEST_CASE("both sides of a branch count, also one that is never taken") {
    const std::vector program{move(0, XDP_PASS), jump_if_zero(1, 1), move(0, XDP_DROP), leave()};
    CHECK(possible_verdicts(program) == Verdicts{XDP_DROP, XDP_PASS});
}

TEST_CASE("a verdict is followed through other registers, over calls and around loops") {
    const std::vector program{move(6, TC_ACT_OK),   call(),     jump_if_zero(0, 1),
                              move(6, TC_ACT_SHOT), copy(0, 6), leave()};
    CHECK(possible_verdicts(program) == Verdicts{TC_ACT_OK, TC_ACT_SHOT});
    const std::vector loop{move(0, TC_ACT_OK), jump_if_zero(1, 1), go(-2), leave()};
    CHECK(possible_verdicts(loop) == Verdicts{TC_ACT_OK});
}

TEST_CASE("a verdict that is computed, loaded or left by a helper cannot be told") {
    CHECK(!possible_verdicts(std::vector{call(), leave()}));
    CHECK(!possible_verdicts(std::vector{make(BPF_LDX | BPF_MEM | BPF_W, 0, 1), leave()}));
    CHECK(!possible_verdicts(
        std::vector{move(0, 1), make(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1), leave()}));
    // One of the ways is enough.
    CHECK(!possible_verdicts(std::vector{move(0, 2), jump_if_zero(1, 1), call(), leave()}));
}

TEST_CASE("what is not a program gives no verdict and no crash") {
    CHECK(!possible_verdicts(std::vector<bpf_insn>{}));
    CHECK(!possible_verdicts(std::vector{move(0, 2)}));
    CHECK(!possible_verdicts(std::vector{go(1000)}));
    CHECK(!possible_verdicts(std::vector{go(-1000)}));
}

TEST_CASE("what lets a packet pass depends on the hook") {
    CHECK(all_pass(BPF_PROG_TYPE_XDP, {XDP_PASS}));
    CHECK(!all_pass(BPF_PROG_TYPE_XDP, {XDP_PASS, XDP_TX}));
    CHECK(all_pass(BPF_PROG_TYPE_SCHED_CLS, {TC_ACT_UNSPEC, TC_ACT_OK, TC_ACT_PIPE}));
    CHECK(!all_pass(BPF_PROG_TYPE_SCHED_CLS, {TC_ACT_OK, TC_ACT_SHOT}));
}
