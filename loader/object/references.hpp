// SPDX-License-Identifier: BSD-2-Clause
// Which programs of an object refer to one of its maps or variables, and which maps are used.
#pragma once

#include <set>
#include <string_view>

#include "object/elf.hpp"

namespace dynmon {

// A program refers to it by itself or through functions of .text, which all programs share that
// call into .text at all.
class RefersTo {
public:
    RefersTo(const ElfFile& elf, std::string_view symbol); // both must outlive this

    bool operator()(std::string_view program) const;

private:
    const ElfSection& section_of(const ElfRelocation& relocation) const;
    bool is_reference(const ElfRelocation& relocation) const;
    bool calls_text(const ElfRelocation& relocation) const;
    bool found_within(const ElfSymbol& program) const;

    const ElfFile& elf_;
    std::string_view symbol_;
    bool in_text_ = false;
};

// Which maps of an object its programs refer to.

// Names of those in .maps that any program or function uses; they live as long as the ELF file.
std::set<std::string_view> used_maps(const ElfFile& elf);

} // namespace dynmon
