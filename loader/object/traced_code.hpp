// SPDX-License-Identifier: BSD-2-Clause
// The code of an object as atomics.cpp walks it: all executable sections, one behind the other,
// with what their relocations refer to. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <linux/bpf.h>

#include "object/elf.hpp"
#include "object/trace_state.hpp"

namespace dynmon::atomics {

struct Target {
    Abstract what;
    std::optional<std::size_t> call; // where a call of it goes
};

class Code {
public:
    // For a walk of `program`; `names`: of all maps. Both and the ELF file must outlive this.
    Code(const ElfFile& elf, std::string_view program, const std::vector<std::string>& names);

    std::optional<std::size_t> entry(std::string_view program) const;
    // Where the function begins that has this instruction.
    std::size_t function_of(std::size_t at) const;

    std::vector<std::string_view> maps; // by their bits
    std::vector<bpf_insn> instructions;
    std::map<std::size_t, Target> targets; // by the instruction that is relocated
    std::set<std::size_t> functions;

private:
    const ElfSymbol* symbol_of(std::string_view program) const;
    std::size_t place(std::uint32_t section, std::uint64_t offset) const;
    bool belongs_to(const ElfRelocation& relocation, const ElfSymbol* program) const;
    std::uint64_t bit_of(std::string_view map);
    void resolve(const ElfRelocation& relocation);
    std::string_view map_name(const ElfSymbol& symbol, std::int32_t offset) const;

    const ElfFile& elf_;
    const std::vector<std::string>& known_;
    std::map<std::uint32_t, std::size_t> begin_;
};

} // namespace dynmon::atomics
