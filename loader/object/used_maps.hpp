// SPDX-License-Identifier: BSD-2-Clause
// Which maps of an object its programs refer to.
#pragma once

#include <set>
#include <string_view>

#include "object/elf.hpp"

namespace dynmon {

// Names of those in .maps that any program or function uses; they live as long as the ELF file.
std::set<std::string_view> used_maps(const ElfFile& elf);

} // namespace dynmon
