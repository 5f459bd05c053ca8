// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/elf.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

std::string fault(const std::vector<std::byte>& bytes) {
    try {
        ElfFile::read(bytes);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
}

// The sample with one section header changed.
class Patched {
public:
    Patched() : bytes_(test::object_bytes("sample")) {
        std::memcpy(&header_, bytes_.data(), sizeof header_);
    }

    Elf64_Shdr section(std::size_t index) const {
        Elf64_Shdr section;
        std::memcpy(&section, bytes_.data() + at(index), sizeof section);
        return section;
    }
    std::size_t find(std::uint32_t type) const {
        for (std::size_t i = 1; i < header_.e_shnum; ++i) {
            if (section(i).sh_type == type)
                return i;
        }
        return 0;
    }
    template <typename Change>
    std::string after_section(std::size_t index, Change change) const {
        Elf64_Shdr changed = section(index);
        change(changed);
        std::vector<std::byte> bytes = bytes_;
        std::memcpy(bytes.data() + at(index), &changed, sizeof changed);
        return fault(bytes);
    }
    // The last record of the first section of `type`.
    template <typename Record, typename Change>
    std::string after_record(std::uint32_t type, Change change) const {
        const Elf64_Shdr table = section(find(type));
        const std::size_t place = table.sh_offset + table.sh_size - sizeof(Record);
        std::vector<std::byte> bytes = bytes_;
        Record record;
        std::memcpy(&record, bytes.data() + place, sizeof record);
        change(record);
        std::memcpy(bytes.data() + place, &record, sizeof record);
        return fault(bytes);
    }

private:
    std::size_t at(std::size_t index) const { return header_.e_shoff + index * sizeof(Elf64_Shdr); }

    std::vector<std::byte> bytes_;
    Elf64_Ehdr header_{};
};

} // namespace

TEST_CASE("sections, symbols and relocations of an object are found by name") {
    const std::vector<std::byte> bytes = test::object_bytes("sample");
    const ElfFile elf = ElfFile::read(bytes);
    REQUIRE(elf.section("tcx/egress") != nullptr);
    CHECK(elf.section("tcx/egress")->executable());
    REQUIRE(elf.section(".bss") != nullptr);
    CHECK(elf.section(".bss")->data.empty());
    CHECK(elf.section(".bss")->size == 8);
    CHECK(elf.section("nothing") == nullptr);
    std::size_t to_chain = 0;
    for (const ElfRelocation& relocation : elf.relocations())
        to_chain += elf.symbols()[relocation.symbol].name == "dynmon_chain" &&
                    elf.sections()[relocation.section].executable();
    CHECK(to_chain == 2);
}

TEST_CASE("sections that lie about where they are are refused") {
    const Patched sample;
    const std::size_t symbols = sample.find(SHT_SYMTAB);
    CHECK(sample.after_section(symbols, [](auto&) {}).empty());
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_offset = 1ull << 40; })
              .find("ends beyond the end of the file") != std::string::npos);
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_size = ~0ull; })
              .find("ends beyond the end of the file") != std::string::npos);
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_name = 1u << 30; })
              .find("has a name outside of the string table") != std::string::npos);
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_addralign = 3; })
              .find("impossible alignment") != std::string::npos);
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_flags |= SHF_COMPRESSED; })
              .find("is compressed") != std::string::npos);
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_link = 0; }) ==
          "damaged ELF: a table of symbols that is none");
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_entsize = 1; }) ==
          "damaged ELF: a table of symbols that is none");
    CHECK(sample.after_section(symbols, [](auto& s) { s.sh_type = SHT_PROGBITS; }) ==
          "no table of symbols");
    CHECK(sample.after_section(sample.find(SHT_NOBITS), [](auto& s) { s.sh_size = 1ull << 50; }) ==
          "more than 64 MiB of zeroed globals");
    CHECK(sample.after_section(sample.find(SHT_REL), [](auto& s) { s.sh_entsize = 24; })
              .ends_with("is no table of relocations"));
    CHECK(sample.after_section(sample.find(SHT_REL), [](auto& s) { s.sh_info = 60'000; })
              .ends_with("is no table of relocations"));
}

TEST_CASE("symbols and relocations that point outside are refused") {
    const Patched sample;
    CHECK(sample.after_record<Elf64_Sym>(SHT_SYMTAB, [](auto& s) { s.st_name = 1u << 30; })
              .ends_with("has a name outside of the string table"));
    CHECK(sample.after_record<Elf64_Sym>(SHT_SYMTAB, [](auto& s) { s.st_shndx = 0x7000; })
              .ends_with("is in a section that does not exist"));
    CHECK(sample.after_record<Elf64_Sym>(SHT_SYMTAB, [](auto& s) { s.st_value = 1ull << 40; })
              .ends_with("lies outside of its section"));
    CHECK(sample.after_record<Elf64_Sym>(SHT_SYMTAB, [](auto& s) { s.st_size = ~0ull; })
              .ends_with("lies outside of its section"));
    CHECK(sample.after_record<Elf64_Rel>(SHT_REL, [](auto& r) { r.r_offset = 1ull << 40; })
              .ends_with("points outside of the object"));
    CHECK(sample.after_record<Elf64_Rel>(SHT_REL, [](auto& r) { r.r_info |= 0xffffffff00000000; })
              .ends_with("points outside of the object"));
    CHECK(sample.after_record<Elf64_Rel>(SHT_REL, [](auto& r) { r.r_offset += 1; })
              .ends_with("points into the middle of an instruction"));
}
