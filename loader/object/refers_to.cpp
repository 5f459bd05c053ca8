// SPDX-License-Identifier: BSD-2-Clause
#include "object/refers_to.hpp"

#include <algorithm>

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

} // namespace dynmon
