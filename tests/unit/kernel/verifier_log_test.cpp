// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>

#include <doctest/doctest.h>

#include "kernel/verifier_log.hpp"

using namespace dynmon;

namespace {
constexpr const char* out_of_bounds = "func#0 @0\n"
                                      "0: R1=ctx() R10=fp0\n"
                                      "; void *data = (void *)(long)ctx->data; @ bad.bpf.c:7\n"
                                      "0: (61) r1 = *(u32 *)(r1 +0)\n"
                                      "; return *(__u8 *)data; @ bad.bpf.c:8\n"
                                      "1: (71) r0 = *(u8 *)(r1 +0)\n"
                                      "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)\n"
                                      "R1 offset is outside of the packet\n"
                                      "processed 2 insns (limit 1000000) max_states_per_insn 0\n";
}

TEST_CASE("a verifier log is boiled down to the line that decided, with its source line") {
    const VerifierSummary summary = summarize_verifier_log(out_of_bounds);
    CHECK(summary.decisive == "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0); "
                              "R1 offset is outside of the packet");
    CHECK(summary.hint == "compare the pointer with pkt->data_end before reading");
    CHECK(summary.source == "return *(__u8 *)data; @ bad.bpf.c:8");
    CHECK(summary.instruction == "1: (71) r0 = *(u8 *)(r1 +0)");
    CHECK(summary.omitted == 7);
}

TEST_CASE("a well-known refusal gets a hint") {
    const VerifierSummary summary = summarize_verifier_log(
        "3: (85) call unknown#300\nunknown func unknown#300\nprocessed 4 insns");
    CHECK(summary.decisive == "unknown func unknown#300");
    CHECK(summary.hint == "this kernel does not have the helper");
    const VerifierSummary atomic = summarize_verifier_log("BPF_STX uses reserved fields\n");
    CHECK(atomic.hint.find("before 5.12") != std::string::npos);
}

TEST_CASE(
    "of an endless loop the registers behind the cause are left out, the source line is found") {
    const VerifierSummary summary = summarize_verifier_log(
        "; while (!stop) @ spin.bpf.c:5\n81: (61) r1 = *(u32 *)(r10 -12)       ; R1=0 R10=fp0\n"
        "82: (56) if w1 != 0x0 goto pc+2       ; R1=0\ninfinite loop detected at insn 81\n"
        "cur state: R1=0 R10=fp0\nold state: R1=0 R10=fp0\nprocessed 47 insns (limit 1000000)\n");
    CHECK(summary.decisive == "infinite loop detected at insn 81");
    CHECK(summary.source == "while (!stop) @ spin.bpf.c:5");
    CHECK(summary.hint == "the loop has no end: bound it by a constant");
    const VerifierError error("spin", EINVAL, "infinite loop detected at insn 81\n");
    CHECK(error.hints().back() == "--verifier-log FILE writes the whole log");
    CHECK(error.error_number() == EINVAL);
}

TEST_CASE("an empty or statistics-only log gives an empty summary") {
    CHECK(summarize_verifier_log("").decisive.empty());
    CHECK(summarize_verifier_log("processed 0 insns (limit 1000000)\n").decisive.empty());
}

TEST_CASE("a refusal is an Error of kind rejected that keeps the whole log") {
    const VerifierError error("flows_ingress", EACCES, out_of_bounds);
    CHECK(error.kind() == ErrorKind::rejected);
    CHECK(error.log() == out_of_bounds);
    CHECK(std::string(error.what()) ==
          "verifier rejected 'flows_ingress': invalid access to packet, off=0 size=1, "
          "R1(id=0,off=0,r=0); R1 offset is outside of the packet; at: return *(__u8 *)data; "
          "@ bad.bpf.c:8 (7 log lines omitted)");
}

TEST_CASE("a line for people has at most 200 bytes of whole characters") {
    std::string line = "invalid access to packet ";
    while (line.size() < 400)
        line += "ä";
    for (std::size_t shift = 0; shift < 3; ++shift) {
        const VerifierError error("p", 13,
                                  std::string(shift, 'x') + line + "\nprocessed 3 insns\n");
        const std::string text = error.what();
        const std::size_t end = text.find(" (1 log lines omitted)");
        REQUIRE(end != std::string::npos);
        CHECK(end <= 200);
        CHECK(end > 190);
        CHECK(text.substr(end - 3, 3) == "…");
        CHECK(static_cast<unsigned char>(text[end - 4]) == 0xa4); // the second byte of an ä
    }
}

TEST_CASE("a type or field that CO-RE did not find is the kernel's lack, by its name") {
    const VerifierError error("p", 22,
                              "25: <invalid CO-RE relocation>\n"
                              "failed to resolve CO-RE relocation <byte_off> [8] struct "
                              "sk_buff___x.napi (0:1 @ offset 4)\nprocessed 26 insns\n");
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(std::string(error.what()) ==
          "the kernel's types have no 'struct sk_buff___x.napi', which 'p' needs");
    CHECK(error.hint().find("--btf") != std::string::npos);
    CHECK(error.log().find("offset 4") != std::string::npos);
}
