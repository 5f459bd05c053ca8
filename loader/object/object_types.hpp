// SPDX-License-Identifier: BSD-2-Clause
// The types of an object file that is only read: dump and stream decode foreign maps with them.
// Such a file need not be one that dynmon or another program could load.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "object/btf_ptr.hpp"

namespace dynmon {

class ElfFile;

// Throws Error{usage} that names the file when it is no BPF object, is damaged, or has no BTF.
BtfPtr read_object_types(const std::string& path);
BtfPtr object_types(std::span<const std::byte> object); // the same of its bytes

// The raw .BTF, checked. Throws Error{usage}.
std::span<const std::byte> checked_btf(const ElfFile& elf);

} // namespace dynmon
