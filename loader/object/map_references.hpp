// Which maps of an object its programs refer to, and which refer to programs.
#pragma once

#include <set>
#include <string_view>

#include "object/elf.hpp"

namespace dynmon {

// Names of maps in .maps; they live as long as the ELF file.
struct MapReferences {
    std::set<std::string_view> used;           // by any program or function
    std::set<std::string_view> given_programs; // the definition says `.values = {[0] = &program}`
};

MapReferences map_references(const ElfFile& elf);

} // namespace dynmon
