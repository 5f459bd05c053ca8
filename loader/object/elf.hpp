// SPDX-License-Identifier: BSD-2-Clause
// A BPF ELF as checked tables. libbpf trusts its input, so everything it follows is checked here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>

namespace dynmon {

struct ElfSection {
    std::string_view name;
    std::uint32_t type = 0;
    std::uint64_t flags = 0;
    std::uint64_t size = 0; // in memory; .bss has no data in the file
    std::uint32_t link = 0;
    std::uint32_t info = 0;
    std::uint64_t entry_size = 0;
    std::span<const std::byte> data;

    bool executable() const { return type == SHT_PROGBITS && (flags & SHF_EXECINSTR) != 0; }
};

struct ElfSymbol {
    std::string_view name;
    std::uint32_t section = 0; // index, or SHN_UNDEF, SHN_ABS, SHN_COMMON
    std::uint64_t value = 0;
    std::uint64_t size = 0;
    unsigned type = 0;  // STT_FUNC, STT_OBJECT, STT_SECTION, …
    bool local = false; // seen in its own file only: static
};

struct ElfRelocation {
    std::uint32_t section = 0; // the section whose bytes are relocated
    std::uint64_t offset = 0;
    std::uint32_t symbol = 0; // index into symbols()
};

// Views into the bytes it was read from, which must outlive it.
class ElfFile {
public:
    // Throws Error{usage} when it is no relocatable 64-bit BPF ELF of this byte order, when
    // anything lies outside of the file, or when there is absurdly much of it.
    static ElfFile read(std::span<const std::byte> bytes);

    const std::vector<ElfSection>& sections() const { return sections_; }
    const std::vector<ElfSymbol>& symbols() const { return symbols_; }
    const std::vector<ElfRelocation>& relocations() const { return relocations_; }
    const ElfSection* section(std::string_view name) const;

private:
    std::vector<ElfSection> sections_; // sections_[0] is ELF's empty one
    std::vector<ElfSymbol> symbols_;
    std::vector<ElfRelocation> relocations_;
};

} // namespace dynmon
