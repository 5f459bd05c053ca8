// SPDX-License-Identifier: BSD-2-Clause
#include "object/references.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

#include <linux/bpf.h>

namespace dynmon {

RefersTo::RefersTo(const ElfFile& elf, std::string_view symbol) : elf_(elf), symbol_(symbol) {
    for (const ElfRelocation& relocation : elf.relocations()) {
        if (is_reference(relocation) && section_of(relocation).name == ".text")
            in_text_ = true;
    }
}

bool RefersTo::operator()(std::string_view program) const {
    const auto& symbols = elf_.symbols();
    const auto found = std::find_if(symbols.begin(), symbols.end(), [&](const ElfSymbol& symbol) {
        return symbol.type == STT_FUNC && symbol.name == program;
    });
    return found != symbols.end() && found_within(*found);
}

const ElfSection& RefersTo::section_of(const ElfRelocation& relocation) const {
    return elf_.sections()[relocation.section];
}

bool RefersTo::is_reference(const ElfRelocation& relocation) const {
    return section_of(relocation).executable() && elf_.symbols()[relocation.symbol].name == symbol_;
}

bool RefersTo::calls_text(const ElfRelocation& relocation) const {
    const std::uint32_t section = elf_.symbols()[relocation.symbol].section;
    return section < elf_.sections().size() && elf_.sections()[section].name == ".text";
}

bool RefersTo::found_within(const ElfSymbol& program) const {
    const auto& relocations = elf_.relocations();
    return std::any_of(relocations.begin(), relocations.end(), [&](const ElfRelocation& r) {
        const bool inside = r.section == program.section && r.offset >= program.value &&
                            r.offset - program.value < program.size;
        return inside && (is_reference(r) || (in_text_ && calls_text(r)));
    });
}

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
