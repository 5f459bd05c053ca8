// Which programs of an object can hand the packet over to the next probe.
#pragma once

#include <string_view>

#include "object/elf.hpp"

namespace dynmon {

// A program that refers to the chain map by itself or through functions of .text, which all
// programs share that call into .text at all.
class HandOver {
public:
    explicit HandOver(const ElfFile& elf); // which must outlive this

    bool operator()(std::string_view program) const;

private:
    const ElfSection& section_of(const ElfRelocation& relocation) const;
    bool refers_to_chain(const ElfRelocation& relocation) const;
    bool calls_text(const ElfRelocation& relocation) const;
    bool found_within(const ElfSymbol& program) const;

    const ElfFile& elf_;
    bool in_text_ = false;
};

} // namespace dynmon
