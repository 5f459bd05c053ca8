// SPDX-License-Identifier: BSD-2-Clause
#include "object/traced_code.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace dynmon::atomics {

namespace {

constexpr std::size_t most_maps = 64; // a bit each, as many as the kernel lets a program use

} // namespace

Code::Code(const ElfFile& elf, std::string_view program, const std::vector<std::string>& names)
    : elf_(elf), known_(names) {
    for (std::uint32_t i = 0; i < elf.sections().size(); ++i) {
        const ElfSection& section = elf.sections()[i];
        if (!section.executable())
            continue;
        begin_[i] = instructions.size();
        const std::size_t count = section.data.size() / sizeof(bpf_insn);
        instructions.resize(instructions.size() + count);
        if (count > 0)
            std::memcpy(&instructions[begin_[i]], section.data.data(), count * sizeof(bpf_insn));
    }
    for (const ElfSymbol& symbol : elf.symbols())
        if (symbol.type == STT_FUNC && begin_.count(symbol.section) == 1)
            functions.insert(place(symbol.section, symbol.value));
    // Bits go to the maps of this program first: an object may have any number of others.
    const ElfSymbol* own = symbol_of(program);
    for (const bool of_program : {true, false})
        for (const ElfRelocation& relocation : elf.relocations())
            if (begin_.count(relocation.section) == 1 && belongs_to(relocation, own) == of_program)
                resolve(relocation);
}

std::optional<std::size_t> Code::entry(std::string_view program) const {
    const ElfSymbol* symbol = symbol_of(program);
    return symbol == nullptr ? std::nullopt : std::optional(place(symbol->section, symbol->value));
}

std::size_t Code::function_of(std::size_t at) const {
    const auto next = functions.upper_bound(at);
    return next == functions.begin() ? 0 : *std::prev(next);
}

const ElfSymbol* Code::symbol_of(std::string_view program) const {
    for (const ElfSymbol& symbol : elf_.symbols())
        if (symbol.type == STT_FUNC && symbol.name == program && begin_.count(symbol.section) == 1)
            return &symbol;
    return nullptr;
}

std::size_t Code::place(std::uint32_t section, std::uint64_t offset) const {
    return begin_.at(section) + offset / sizeof(bpf_insn);
}

// In code that it shares with others, or its own.
bool Code::belongs_to(const ElfRelocation& relocation, const ElfSymbol* program) const {
    return elf_.sections()[relocation.section].name == ".text" ||
           (program != nullptr && program->section == relocation.section &&
            relocation.offset >= program->value &&
            relocation.offset - program->value < program->size);
}

// 0: no map, or one of more than a program can use.
std::uint64_t Code::bit_of(std::string_view map) {
    auto found = std::find(maps.begin(), maps.end(), map);
    if (found == maps.end()) {
        if (maps.size() == most_maps ||
            std::find(known_.begin(), known_.end(), map) == known_.end())
            return 0;
        found = maps.insert(maps.end(), map);
    }
    return std::uint64_t{1} << (found - maps.begin());
}

void Code::resolve(const ElfRelocation& relocation) {
    const std::size_t at = place(relocation.section, relocation.offset);
    const ElfSymbol& symbol = elf_.symbols()[relocation.symbol];
    if (at >= instructions.size() || symbol.section >= elf_.sections().size())
        return;
    const bpf_insn& insn = instructions[at];
    const ElfSection& section = elf_.sections()[symbol.section];
    Target& target = targets[at];
    if (begin_.count(symbol.section) == 1) {
        const bool is_call = insn.code == (BPF_JMP | BPF_CALL);
        const std::int64_t bytes = is_call ? (std::int64_t{insn.imm} + 1) * 8 : insn.imm;
        const std::size_t function =
            place(symbol.section, symbol.value + static_cast<std::uint64_t>(bytes));
        target.what.function = function;
        target.call = function;
        functions.insert(function);
    } else if (section.name == ".maps") {
        target.what.maps = bit_of(map_name(symbol, insn.imm));
    } else {
        target.what.values = bit_of(section.name);
        target.what.untraced = target.what.values == 0;
        target.what.number = Number::of(static_cast<std::int64_t>(symbol.value) + insn.imm);
    }
}

// A static map is referred to by its section and its place in it.
std::string_view Code::map_name(const ElfSymbol& symbol, std::int32_t offset) const {
    if (symbol.type != STT_SECTION)
        return symbol.name;
    for (const ElfSymbol& other : elf_.symbols())
        if (other.type == STT_OBJECT && other.section == symbol.section &&
            other.value == static_cast<std::uint64_t>(offset))
            return other.name;
    return "";
}

} // namespace dynmon::atomics
