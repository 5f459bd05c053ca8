// What a program can return, read from its instructions. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>

#include <linux/bpf.h>

namespace dynmon {

// Every value that r0 can have at an exit of the main program; nullopt when that cannot be told
// (it is computed, or comes from a helper or another function). Never misses a value: branches are
// followed whether or not they can be taken.
std::optional<std::set<std::int32_t>> possible_verdicts(std::span<const bpf_insn> program);

// All of `verdicts` let the packet go on: XDP_PASS; TC_ACT_UNSPEC, OK, RECLASSIFY and PIPE.
bool all_pass(bpf_prog_type type, const std::set<std::int32_t>& verdicts);

struct ProgramInfo;
struct Manifest;

// A probe that wants to drop says so (`verdict: drop`); one that does not, cannot: the entry macros
// of dynmon.h see to that, and of any other program it has to be plain from its instructions.
// "" or a sentence why `program` may not be loaded under `manifest`.
std::string verdict_problem(const Manifest& manifest, const ProgramInfo& program);
inline constexpr const char* verdict_hint =
    "say `verdict: drop` in the manifest if it is to decide over packets, or write it with the "
    "entry macros of dynmon.h";

} // namespace dynmon
