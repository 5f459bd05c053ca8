// SPDX-License-Identifier: BSD-2-Clause
#include "object/used_maps.hpp"

#include <cstring>
#include <iterator>
#include <map>

#include <linux/bpf.h>

namespace dynmon {

namespace {

constexpr std::string_view maps_section = ".maps";

class Places {
public:
    explicit Places(const ElfFile& elf) : elf_(elf) {
        for (const ElfSymbol& symbol : elf.symbols())
            if (symbol.type == STT_OBJECT && is_map(symbol))
                maps_.emplace(symbol.value, symbol.name);
    }

    bool is_map(const ElfSymbol& symbol) const {
        return symbol.section < elf_.sections().size() &&
               elf_.sections()[symbol.section].name == maps_section;
    }

    // "" when there is none.
    std::string_view map_at(std::uint64_t place) const {
        const auto next = maps_.upper_bound(place);
        return next == maps_.begin() ? std::string_view() : std::prev(next)->second;
    }

private:
    const ElfFile& elf_;
    std::map<std::uint64_t, std::string_view> maps_; // by where they begin
};

// A static map is referred to by its section and its place in it.
std::uint64_t place_of(const ElfSection& code, const ElfRelocation& relocation,
                       const ElfSymbol& symbol) {
    if (symbol.type != STT_SECTION || relocation.offset + sizeof(bpf_insn) > code.data.size())
        return symbol.value;
    bpf_insn insn;
    std::memcpy(&insn, code.data.data() + relocation.offset, sizeof insn);
    return static_cast<std::uint32_t>(insn.imm);
}

} // namespace

std::set<std::string_view> used_maps(const ElfFile& elf) {
    const Places places(elf);
    std::set<std::string_view> found;
    for (const ElfRelocation& relocation : elf.relocations()) {
        const ElfSection& section = elf.sections()[relocation.section];
        const ElfSymbol& symbol = elf.symbols()[relocation.symbol];
        if (section.executable() && places.is_map(symbol))
            found.insert(places.map_at(place_of(section, relocation, symbol)));
    }
    return found;
}

} // namespace dynmon
