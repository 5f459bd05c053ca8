#include "object/hand_over.hpp"

#include <algorithm>

#include "object/object.hpp"

namespace dynmon {

HandOver::HandOver(const ElfFile& elf) : elf_(elf) {
    for (const ElfRelocation& relocation : elf.relocations()) {
        if (refers_to_chain(relocation) && section_of(relocation).name == ".text")
            in_text_ = true;
    }
}

bool HandOver::operator()(std::string_view program) const {
    const auto& symbols = elf_.symbols();
    const auto found = std::find_if(symbols.begin(), symbols.end(), [&](const ElfSymbol& symbol) {
        return symbol.type == STT_FUNC && symbol.name == program;
    });
    return found != symbols.end() && found_within(*found);
}

const ElfSection& HandOver::section_of(const ElfRelocation& relocation) const {
    return elf_.sections()[relocation.section];
}

bool HandOver::refers_to_chain(const ElfRelocation& relocation) const {
    return section_of(relocation).executable() &&
           elf_.symbols()[relocation.symbol].name == chain_map_name;
}

bool HandOver::calls_text(const ElfRelocation& relocation) const {
    const std::uint32_t section = elf_.symbols()[relocation.symbol].section;
    return section < elf_.sections().size() && elf_.sections()[section].name == ".text";
}

bool HandOver::found_within(const ElfSymbol& program) const {
    const auto& relocations = elf_.relocations();
    return std::any_of(relocations.begin(), relocations.end(), [&](const ElfRelocation& r) {
        const bool inside = r.section == program.section && r.offset >= program.value &&
                            r.offset - program.value < program.size;
        return inside && (refers_to_chain(r) || (in_text_ && calls_text(r)));
    });
}

} // namespace dynmon
