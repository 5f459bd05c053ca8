// SPDX-License-Identifier: BSD-2-Clause
// Codes of BPF instructions that several files look for, with those that headers of older systems
// do not have.
#pragma once

#include <cstdint>

#include <linux/bpf.h>

namespace dynmon::policy::opcode {

inline constexpr std::uint8_t call = BPF_JMP | BPF_CALL;
inline constexpr std::uint8_t exit = BPF_JMP | BPF_EXIT;
inline constexpr std::uint8_t jump = BPF_JMP | BPF_JA;
inline constexpr std::uint8_t far_jump = BPF_JMP32 | BPF_JA; // gotol
inline constexpr std::uint8_t may_goto = BPF_JMP | 0xe0;
inline constexpr std::uint8_t wide_load = BPF_LD | BPF_IMM | BPF_DW; // takes two places
inline constexpr std::uint8_t atomic_mode = 0xc0;                    // BPF_ATOMIC
inline constexpr std::uint8_t signed_mode = 0x80;                    // BPF_MEMSX

// The operations of atomic_mode, in `imm`, beside those of BPF_ALU.
inline constexpr std::int32_t fetch_flag = 1;
inline constexpr std::int32_t exchange = 0xe1;
inline constexpr std::int32_t compare_exchange = 0xf1;
inline constexpr std::int32_t load_acquire = 0x100;
inline constexpr std::int32_t store_release = 0x110;

} // namespace dynmon::policy::opcode
