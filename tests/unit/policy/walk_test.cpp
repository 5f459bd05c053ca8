// SPDX-License-Identifier: BSD-2-Clause
// What single instructions do, those that no clang emits among them.
#include <random>

#include <doctest/doctest.h>

#include "policy/raw_programs.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

using Program = std::vector<bpf_insn>;
using Found = std::vector<std::string>;

constexpr const char* computed_drop = "drop: a verdict that it computes";
constexpr const char* computed_redirect = "redirect: a verdict that it computes";
const Found computed_verdict{computed_drop, computed_redirect};
constexpr const char* not_handed_over =
    "never: a way out that does not hand the packet over to the next probe";

Program with(Program first, const Program& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

// r0 is the neutral verdict, then comes `insn`, then the exit.
Found after(const bpf_insn& insn, const Program& before = {}) {
    Program program = with(before, {move(0, -1), insn, leave()});
    return effects(program);
}

} // namespace

TEST_CASE("the room in the raw program does nothing") {
    const WithoutTrials quick;
    CHECK(effects({}) == Found{});
    CHECK(effects({}, "xdp") == Found{});
}

TEST_CASE("TC: what stops others, drops or sends elsewhere, and what the kernel takes for unspec") {
    const WithoutTrials quick;
    const auto verdict = [](int number) { return effects({move(0, number), leave()}); };
    for (const int neutral : {-1, 1, 3, 5, 6, 9, 1000})
        CHECK(verdict(neutral) == Found{});
    CHECK(verdict(0) == Found{"drop: TC_ACT_OK (which stops every program behind it)"});
    CHECK(verdict(2) == Found{"drop: TC_ACT_SHOT"});
    CHECK(verdict(4) == Found{"drop: TC_ACT_STOLEN"});
    CHECK(verdict(7) == Found{"redirect: TC_ACT_REDIRECT"});
    CHECK(verdict(8) == Found{"drop: TC_ACT_TRAP"});
}

TEST_CASE("XDP: only XDP_PASS passes, and what the kernel does not know drops") {
    const WithoutTrials quick;
    const auto verdict = [](int number) { return effects({move(0, number), leave()}, "xdp"); };
    CHECK(verdict(2) == Found{});
    CHECK(verdict(0) == Found{"drop: XDP_ABORTED"});
    CHECK(verdict(1) == Found{"drop: XDP_DROP"});
    CHECK(verdict(3) == Found{"redirect: XDP_TX"});
    CHECK(verdict(4) == Found{"redirect: XDP_REDIRECT"});
    CHECK(verdict(5) == Found{"drop: 5"});
    CHECK(verdict(-1) == Found{"drop: -1"});
}

TEST_CASE("a neutral verdict of two instructions, as for -mcpu=v1, is known") {
    const WithoutTrials quick;
    const bpf_insn wide = make(BPF_LD | BPF_IMM | BPF_DW, 0, 0, 0, -1);
    CHECK(effects({wide, make(0, 0, 0, 0, -1), leave()}) == Found{});
    CHECK(effects({wide, make(0, 0, 0, 0, 0), leave()}) ==
          Found{}); // its lower half is what counts
    CHECK(effects({make(BPF_LD | BPF_IMM | BPF_DW, 0, 0, 0, 2), make(0), leave()}) ==
          Found{"drop: TC_ACT_SHOT"});
}

TEST_CASE("every instruction that writes a register makes a verdict in it computed") {
    const WithoutTrials quick;
    // Loads, plain and with a sign, atomic and not.
    CHECK(after(load(BPF_W, 0, 6, 0)) == computed_verdict);
    CHECK(after(make(BPF_LDX | 0x80 | BPF_W, 0, 9, 0)) == computed_verdict); // MEMSX
    CHECK(after(atomic(BPF_W, 0, 0, 9, 0x100)) == computed_verdict);         // load-acquire
    CHECK(after(atomic(BPF_DW, 9, 0, 0, BPF_ADD | 1)) == computed_verdict);  // fetches into src
    CHECK(after(atomic(BPF_DW, 9, 0, 0, BPF_OR | 1)) == computed_verdict);
    CHECK(after(atomic(BPF_DW, 9, 0, 0, BPF_AND | 1)) == computed_verdict);
    CHECK(after(atomic(BPF_DW, 9, 0, 0, BPF_XOR | 1)) == computed_verdict);
    CHECK(after(atomic(BPF_DW, 9, 0, 0, 0xe1)) == computed_verdict); // exchange
    CHECK(after(atomic(BPF_DW, 9, 0, 3, 0xf1), {move(3, 1)}) ==
          computed_verdict); // fetches into r0
    // Arithmetic of which the result is not known.
    CHECK(after(make(BPF_ALU64 | BPF_ADD | BPF_X, 0, 8)) == computed_verdict);
    CHECK(after(make(BPF_ALU64 | BPF_MOV | BPF_X, 0, 8, 8)) == computed_verdict); // MOVSX
    CHECK(after(make(BPF_ALU | BPF_END | BPF_X, 0, 0, 0, 16)) == computed_verdict);
    CHECK(after(make(BPF_ALU64 | BPF_END, 0, 0, 0, 64)) == computed_verdict); // BSWAP
    CHECK(after(make(BPF_ALU64 | BPF_DIV | BPF_K, 0, 0, 0, 2)) == computed_verdict);
    // Calls.
    CHECK(after(call(BPF_FUNC_get_prandom_u32)) == computed_verdict);
    // Loads of the packet, which also leave with 0 behind its end.
    Found with_exit = after(make(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 0));
    CHECK(with_exit.size() == 3);
    CHECK(std::find(with_exit.begin(), with_exit.end(),
                    "drop: TC_ACT_OK (which stops every program behind it)") != with_exit.end());
    CHECK(after(make(BPF_LD | BPF_IND | BPF_W, 0, 8, 0, 0)).size() == 3);
}

TEST_CASE("instructions that write no register leave the verdict") {
    const WithoutTrials quick;
    CHECK(after(atomic(BPF_DW, 9, 0, 0, BPF_ADD)) == Found{}); // without fetch
    CHECK(after(atomic(BPF_DW, 9, 0, 0, 0x110)) == Found{});   // store-release
    CHECK(after(atomic(BPF_DW, 9, 0, 3, 0xe1), {move(3, 1)}) == Found{});
    CHECK(after(store(BPF_DW, 9, 0, 8)) == Found{});
    CHECK(after(store(BPF_DW, 10, -8, 8)) == Found{});
    CHECK(after(make(BPF_ST | BPF_MEM | BPF_DW, 9, 0, 0, 7)) == Found{});
}

TEST_CASE("a verdict is worked out, through registers, the stack, branches and loops") {
    const WithoutTrials quick;
    CHECK(effects({move(0, 1), add(0, 1), leave()}) == Found{"drop: TC_ACT_SHOT"});
    CHECK(effects({move(6, 2), call(5), copy(0, 6), leave()}) == Found{"drop: TC_ACT_SHOT"});
    CHECK(effects({move(3, -1), store(BPF_DW, 10, -8, 3), call(5), load(BPF_DW, 0, 10, -8),
                   leave()}) == Found{});
    CHECK(effects({make(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 2), load(BPF_W, 0, 10, -4),
                   leave()}) == Found{"drop: TC_ACT_SHOT"});
    // Half of what was stored is any number.
    CHECK(effects({move(3, -1), store(BPF_DW, 10, -8, 3), load(BPF_W, 0, 10, -8), leave()}) ==
          computed_verdict);
    CHECK(effects({move(0, -1), jump_if_zero(8, 1), move(0, 2), leave()}) ==
          Found{"drop: TC_ACT_SHOT"});
    CHECK(effects({move(0, -1), jump_if_zero(8, 1), go(-2), leave()}) == Found{});
    // A branch that cannot be taken is none.
    CHECK(effects({move(0, -1), move(3, 1), jump_if_zero(3, 1), leave(), move(0, 2), leave()}) ==
          Found{});
}

TEST_CASE("a helper that writes to the stack makes what stands there computed") {
    const WithoutTrials quick;
    const Program fill{move(3, -1),
                       store(BPF_DW, 10, -8, 3),
                       copy(1, 6),
                       move(2, 0),
                       copy(3, 10),
                       add(3, -16),
                       move(4, 16),
                       call(BPF_FUNC_skb_load_bytes),
                       load(BPF_DW, 0, 10, -8),
                       leave()};
    CHECK(effects(fill) == computed_verdict);
}

TEST_CASE("stores into the packet and the context are seen, wherever the pointer was") {
    const WithoutTrials quick;
    const Program to_packet{load(BPF_W, 2, 6, 76)}; // __sk_buff.data
    const char* bytes = "write-packets: a store to its bytes";
    CHECK(effects(with(to_packet, {store(BPF_B, 2, 0, 8)})) == Found{bytes});
    CHECK(effects(with(to_packet, {add(2, 14), store(BPF_B, 2, 0, 8)})) == Found{bytes});
    CHECK(effects(with(to_packet, {make(BPF_ALU64 | BPF_ADD | BPF_X, 8, 2),
                                   store(BPF_B, 8, 0, 2)})) == Found{bytes});
    CHECK(effects(with(to_packet, {store(BPF_DW, 10, -8, 2), load(BPF_DW, 3, 10, -8),
                                   make(BPF_ST | BPF_MEM | BPF_B, 3)})) == Found{bytes});
    CHECK(effects(with(to_packet, {atomic(BPF_DW, 2, 0, 8, BPF_ADD)})) == Found{bytes});
    CHECK(effects(with(to_packet, {atomic(BPF_DW, 2, 0, 8, 0x110)})) == Found{bytes});
    // One of two pointers is enough.
    CHECK(effects(with(to_packet, {jump_if_zero(8, 1), copy(2, 9), store(BPF_B, 2, 0, 8)})) ==
          Found{bytes});
    // Put somewhere in the stack, at a place that is not known.
    CHECK(effects(with(to_packet, {store(BPF_DW, 10, -8, 9), copy(3, 10), add(3, -16),
                                   jump_if_zero(8, 1), add(3, 8), store(BPF_DW, 3, 0, 2),
                                   load(BPF_DW, 4, 10, -8), store(BPF_B, 4, 0, 8)})) ==
          Found{bytes});
    CHECK(effects({store(BPF_W, 6, 8, 8)}) == Found{"write-packets: a store to __sk_buff.mark"});
    CHECK(effects({load(BPF_W, 2, 6, 0), store(BPF_B, 2, 0, 8)}, "xdp") == Found{bytes});
    CHECK(effects({load(BPF_W, 2, 6, 8), store(BPF_B, 2, 0, 8)}, "xdp") ==
          Found{"write-packets: a store to the bytes in front of it"});
}

TEST_CASE("a store through what is not known to be a pointer is refused") {
    const WithoutTrials quick;
    const char* unknown = "never: a store through a pointer of which nothing is known";
    CHECK(effects({load(BPF_DW, 2, 9, 0), store(BPF_B, 2, 0, 8)}) == Found{unknown});
    CHECK(effects({call(BPF_FUNC_get_prandom_u32), store(BPF_B, 0, 0, 8)}) == Found{unknown});
    CHECK(effects({store(BPF_B, 7, 0, 8)}) ==
          Found{"never: a store into the kernel's own memory"}); // the chain
    CHECK(effects({load(BPF_DW, 2, 9, 0), load(BPF_B, 3, 2, 0)}) ==
          Found{"read-kernel: a load through a pointer that it did not get here"});
}

TEST_CASE("an instruction that is not known is refused by its number") {
    const WithoutTrials quick;
    const auto refused = [](const bpf_insn& insn) {
        const Found found = effects({insn});
        return !found.empty() && found.front().starts_with("never: ");
    };
    CHECK(effects({make(BPF_JMP | BPF_JA | BPF_X, 1)}) ==
          Found{"never: an instruction that dynmon does not know (code 0x0d)"}); // gotox
    CHECK(refused(make(BPF_JMP | BPF_CALL | BPF_X, 1)));                         // callx
    CHECK(refused(make(BPF_JMP | 0xf0, 1)));
    CHECK(refused(make(BPF_JMP | 0xe0, 0, 1))); // goto or nothing
    CHECK(refused(make(BPF_JMP32 | BPF_CALL)));
    CHECK(refused(make(BPF_JMP32 | BPF_EXIT)));
    CHECK(refused(make(BPF_ALU64 | 0xe0, 1)));
    CHECK(refused(make(BPF_ALU64 | BPF_MOV | BPF_X, 1, 2, 1, 1))); // to another address space
    CHECK(refused(make(BPF_ALU64 | BPF_MOV | BPF_X, 1, 2, -1)));   // per CPU
    CHECK(refused(make(BPF_LDX | 0x20 | BPF_W, 1, 6)));            // as in classic BPF
    CHECK(refused(make(BPF_LDX | 0xa0 | BPF_W, 1, 6)));
    CHECK(refused(make(BPF_ST | 0xc0 | BPF_DW, 9))); // against speculation
    CHECK(refused(make(BPF_STX | 0xa0 | BPF_DW, 9, 8)));
    CHECK(refused(make(BPF_LD | 0x60 | BPF_W, 9)));
    CHECK(refused(atomic(BPF_DW, 9, 0, 8, 0x20)));
    CHECK(refused(make(BPF_ALU64 | BPF_MOV | BPF_K, 11))); // no such register
    CHECK(refused(make(BPF_JMP | BPF_CALL, 0, 3, 0, 1)));
}

// PROMISES:
// P-5 name an object of the kernel by its number
TEST_CASE("what an object names by number, without a relocation, is refused") {
    const WithoutTrials quick;
    for (const unsigned source : {1U, 2U, 3U, 4U, 5U, 6U})
        CHECK(effects({make(BPF_LD | BPF_IMM | BPF_DW, 1, source, 0, 3), make(0)}) ==
              Found{"never: an object of the kernel by its number"});
    CHECK(effects({make(BPF_JMP | BPF_CALL, 0, 2, 0, 4711)}) ==
          Found{"never: the kernel function number 4711"});
    // libbpf would look for it in .text, whatever stands here.
    CHECK(effects({make(BPF_JMP | BPF_CALL, 0, 1, 0, 0), leave()}).front() ==
          "never: a call of what is no function of this object");
}

TEST_CASE("far jumps are followed, may_goto is a loop, and a path out of the program is refused") {
    const WithoutTrials quick;
    CHECK(effects({make(BPF_JMP32 | BPF_JA, 0, 0, 0, 1), leave(), move(0, 2), leave()}) ==
          Found{"drop: TC_ACT_SHOT"});
    CHECK(effects({make(BPF_JMP | 0xe0, 0, 0, 1), go(0)}) == Found{"loops: may_goto"});
    CHECK(effects({go(20000)}) == Found{"never: a path that leaves the program"});
    CHECK(effects({go(-20000)}) == Found{"never: a path that leaves the program"});
}

TEST_CASE("a hand-over takes the context, the chain and the program's own slot") {
    const WithoutTrials quick;
    const auto handed = [](const Program& program, bool may_drop = false) {
        return effects(program, "tc", true, may_drop);
    };
    const char* other = "never: bpf_tail_call, other than to the next probe (dynmon_chain, "
                        "dynmon_slot),";
    CHECK(handed(hand_over()) == Found{});
    CHECK(handed({}) == Found{not_handed_over});
    CHECK(handed(with({copy(8, 8)}, hand_over())) == Found{});
    CHECK(handed(with({make(BPF_ALU | BPF_MOV | BPF_X, 8, 8)}, hand_over())) == Found{});
    CHECK(handed(with({store(BPF_W, 10, -4, 8), load(BPF_W, 8, 10, -4)}, hand_over())) == Found{});
    CHECK(handed(with({add(8, 1)}, hand_over())) == Found{other});
    CHECK(handed(with({move(8, 0)}, hand_over())) == Found{other});
    CHECK(handed(with({copy(7, 9)}, hand_over())) == Found{other});
    CHECK(handed(with({load(BPF_B, 3, 6, 0), jump_if_zero(3, 4)}, hand_over())) ==
          Found{not_handed_over});
    // A drop instead of it is for those that may.
    const Program drops =
        with({move(0, 2), load(BPF_W, 3, 6, 0), jump_if_zero(3, 1), leave()}, hand_over());
    CHECK(handed(drops) == Found{"drop: TC_ACT_SHOT"});
    const Program accepts =
        with({move(0, 0), load(BPF_W, 3, 6, 0), jump_if_zero(3, 1), leave()}, hand_over());
    CHECK(handed(accepts, true) == Found{not_handed_over});
    // One that does not say so, but does.
    CHECK(effects(hand_over()) ==
          Found{"never: a hand-over through something that is not called dynmon_chain"});
}

// PROMISES:
// P-2 call a helper that is not on the list
TEST_CASE("a helper that is not on the list is refused by its name") {
    const WithoutTrials quick;
    CHECK(effects({call(109)}) == Found{"never: bpf_send_signal"});
    CHECK(effects({call(49)}) == Found{"never: bpf_setsockopt"});
    CHECK(effects({call(212)}) == Found{"never: helper 212"});
    CHECK(effects({call(0)}) == Found{"never: helper 0"});
    CHECK(effects({call(-1)}) == Found{"never: helper -1"});
}

TEST_CASE("any bytes at all are analysed to an end") {
    const WithoutTrials quick;
    std::mt19937 random(20260101);
    for (int round = 0; round < 300; ++round) {
        Program program(room);
        for (bpf_insn& insn : program) {
            insn =
                make(random() & 0xff, random() % 11, random() % 11, 0, static_cast<int>(random()));
            insn.off = static_cast<__s16>(round % 2 == 0 ? random() % 128 - 64 : random());
            if (round % 3 == 0) // jumps within, mostly
                insn.code = static_cast<__u8>((insn.code & 0xf8) | BPF_JMP);
        }
        CHECK_NOTHROW(effects(program, round % 2 == 0 ? "tc" : "xdp", round % 4 == 0));
    }
}
