// SPDX-License-Identifier: BSD-2-Clause
#include "object/elf.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

constexpr std::size_t most_sections = 512;
constexpr std::size_t most_symbols = 65'536;
constexpr std::uint64_t most_zeroed = 64ull << 20; // bytes of .bss, which libbpf maps at once
constexpr std::uint64_t instruction_bytes = 8;

[[noreturn]] void refuse(const std::string& what, const std::string& hint = "") {
    throw Error(ErrorKind::usage, what).hint(hint);
}

[[noreturn]] void refuse_damaged(const std::string& what) {
    refuse("damaged ELF: " + what, "build the object again, or copy it again");
}

template <typename Record>
Record record_at(std::span<const std::byte> bytes, std::size_t offset) {
    Record record;
    std::memcpy(&record, bytes.data() + offset, sizeof record);
    return record;
}

// A string table that ends in NUL, so that every offset into it starts a string.
std::string_view string_at(std::span<const std::byte> table, std::uint64_t offset,
                           const std::string& what) {
    if (table.empty() || table.back() != std::byte{0} || offset >= table.size())
        refuse_damaged(what + " has a name outside of the string table");
    return reinterpret_cast<const char*>(table.data() + offset);
}

Elf64_Ehdr read_header(std::span<const std::byte> bytes) {
    if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
        refuse("not an ELF file", "a probe is compiled with clang -target bpf -g -O2");
    if (bytes.size() < sizeof(Elf64_Ehdr))
        refuse_damaged("it ends within its header");
    const auto header = record_at<Elf64_Ehdr>(bytes, 0);
    constexpr bool little = std::endian::native == std::endian::little;
    if (header.e_ident[EI_CLASS] != ELFCLASS64)
        refuse("not a 64-bit ELF", "compile with clang -target bpf");
    if (header.e_ident[EI_DATA] != (little ? ELFDATA2LSB : ELFDATA2MSB))
        refuse("compiled for the other byte order",
               little ? "compile with -target bpfel" : "compile with -target bpfeb");
    if (header.e_machine != EM_BPF)
        refuse("compiled for machine " + std::to_string(header.e_machine) + ", not for BPF",
               "compile with clang -target bpf");
    if (header.e_type != ET_REL || header.e_ident[EI_VERSION] != EV_CURRENT)
        refuse("not a relocatable object file", "compile with clang -target bpf -c");
    return header;
}

std::vector<Elf64_Shdr> read_section_headers(std::span<const std::byte> bytes,
                                             const Elf64_Ehdr& header) {
    const std::uint64_t table = std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr);
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shoff % 8 != 0 || header.e_shnum == 0)
        refuse_damaged("no table of sections");
    if (header.e_shoff > bytes.size() || table > bytes.size() - header.e_shoff)
        refuse_damaged("its table of sections ends at byte " +
                       std::to_string(header.e_shoff + table) + ", the file at " +
                       std::to_string(bytes.size()));
    if (header.e_shnum > most_sections)
        refuse(std::to_string(header.e_shnum) + " sections; at most " +
               std::to_string(most_sections) + " are read");
    if (header.e_shstrndx == 0 || header.e_shstrndx >= header.e_shnum)
        refuse_damaged("no table of section names");
    std::vector<Elf64_Shdr> headers;
    for (std::size_t i = 0; i < header.e_shnum; ++i)
        headers.push_back(record_at<Elf64_Shdr>(bytes, header.e_shoff + i * sizeof(Elf64_Shdr)));
    return headers;
}

std::span<const std::byte> section_data(std::span<const std::byte> bytes, const Elf64_Shdr& header,
                                        std::size_t index) {
    const std::string what = "section " + std::to_string(index);
    if ((header.sh_addralign & (header.sh_addralign - 1)) != 0)
        refuse_damaged(what + " has an impossible alignment");
    if ((header.sh_flags & SHF_COMPRESSED) != 0)
        refuse(what + " is compressed", "compile with -gz=none");
    if (header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL)
        return {};
    if (header.sh_offset > bytes.size() || header.sh_size > bytes.size() - header.sh_offset)
        refuse_damaged(what + " ends beyond the end of the file (" + std::to_string(bytes.size()) +
                       " bytes)");
    return bytes.subspan(header.sh_offset, header.sh_size);
}

std::vector<ElfSection> read_sections(std::span<const std::byte> bytes, const Elf64_Ehdr& header) {
    const std::vector<Elf64_Shdr> headers = read_section_headers(bytes, header);
    const auto names = section_data(bytes, headers[header.e_shstrndx], header.e_shstrndx);
    std::vector<ElfSection> sections;
    std::uint64_t zeroed = 0;
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const Elf64_Shdr& from = headers[i];
        const bool null = from.sh_type == SHT_NULL;
        ElfSection section;
        section.name = null ? "" : string_at(names, from.sh_name, "section " + std::to_string(i));
        section.type = from.sh_type;
        section.flags = from.sh_flags;
        section.size = null ? 0 : from.sh_size;
        section.link = from.sh_link;
        section.info = from.sh_info;
        section.entry_size = from.sh_entsize;
        section.data = section_data(bytes, from, i);
        if (from.sh_type == SHT_NOBITS &&
            from.sh_size > most_zeroed - std::min(zeroed, most_zeroed))
            refuse("more than " + std::to_string(most_zeroed >> 20) + " MiB of zeroed globals");
        zeroed += from.sh_type == SHT_NOBITS ? from.sh_size : 0;
        if (section.executable() && from.sh_size % instruction_bytes != 0)
            refuse_damaged("section '" + std::string(section.name) +
                           "' is no whole number of instructions");
        const bool table = from.sh_type == SHT_SYMTAB || from.sh_type == SHT_REL;
        if (table && from.sh_offset % 8 != 0)
            refuse_damaged("section " + std::to_string(i) + " is not aligned");
        sections.push_back(section);
    }
    return sections;
}

void check_symbol(const ElfSymbol& symbol, const std::vector<ElfSection>& sections,
                  const std::string& what) {
    const bool special =
        symbol.section == SHN_UNDEF || symbol.section == SHN_ABS || symbol.section == SHN_COMMON;
    if (special)
        return;
    if (symbol.section >= sections.size())
        refuse_damaged(what + " is in a section that does not exist");
    const std::uint64_t size = sections[symbol.section].size;
    if (symbol.value > size || symbol.size > size - symbol.value)
        refuse_damaged(what + " lies outside of its section");
}

std::vector<ElfSymbol> read_symbols(const std::vector<ElfSection>& sections) {
    const auto is_table = [](const ElfSection& section) { return section.type == SHT_SYMTAB; };
    const auto table = std::find_if(sections.begin(), sections.end(), is_table);
    if (table == sections.end())
        refuse("no table of symbols",
               "the object was stripped: use llvm-strip -g, which keeps them");
    if (std::find_if(table + 1, sections.end(), is_table) != sections.end())
        refuse_damaged("two tables of symbols");
    const std::size_t count = table->data.size() / sizeof(Elf64_Sym);
    if (table->entry_size != sizeof(Elf64_Sym) || table->data.size() % sizeof(Elf64_Sym) != 0 ||
        table->link == 0 || table->link >= sections.size() ||
        sections[table->link].type != SHT_STRTAB)
        refuse_damaged("a table of symbols that is none");
    if (count > most_symbols)
        refuse(std::to_string(count) + " symbols; at most " + std::to_string(most_symbols) +
               " are read");
    std::vector<ElfSymbol> symbols;
    for (std::size_t i = 0; i < count; ++i) {
        const auto from = record_at<Elf64_Sym>(table->data, i * sizeof(Elf64_Sym));
        const std::string what = "symbol " + std::to_string(i);
        ElfSymbol symbol;
        symbol.name = string_at(sections[table->link].data, from.st_name, what);
        symbol.section = from.st_shndx;
        symbol.value = from.st_value;
        symbol.size = from.st_size;
        symbol.type = ELF64_ST_TYPE(from.st_info);
        symbol.local = ELF64_ST_BIND(from.st_info) == STB_LOCAL;
        check_symbol(symbol, sections, what);
        symbols.push_back(symbol);
    }
    return symbols;
}

void read_relocations(const ElfSection& section, const std::vector<ElfSection>& sections,
                      std::size_t symbols, std::vector<ElfRelocation>& relocations) {
    const std::string what = "section '" + std::string(section.name) + "'";
    if (section.entry_size != sizeof(Elf64_Rel) || section.data.size() % sizeof(Elf64_Rel) != 0 ||
        section.info == 0 || section.info >= sections.size())
        refuse_damaged(what + " is no table of relocations");
    const ElfSection& target = sections[section.info];
    for (std::size_t at = 0; at < section.data.size(); at += sizeof(Elf64_Rel)) {
        const auto from = record_at<Elf64_Rel>(section.data, at);
        ElfRelocation relocation;
        relocation.section = section.info;
        relocation.offset = from.r_offset;
        relocation.symbol = static_cast<std::uint32_t>(ELF64_R_SYM(from.r_info));
        if (relocation.symbol >= symbols || relocation.offset >= target.size)
            refuse_damaged(what + " points outside of the object");
        if (target.executable() && relocation.offset % instruction_bytes != 0)
            refuse_damaged(what + " points into the middle of an instruction");
        relocations.push_back(relocation);
    }
}

} // namespace

ElfFile ElfFile::read(std::span<const std::byte> bytes) {
    ElfFile file;
    file.sections_ = read_sections(bytes, read_header(bytes));
    file.symbols_ = read_symbols(file.sections_);
    for (const ElfSection& section : file.sections_) {
        if (section.type == SHT_REL)
            read_relocations(section, file.sections_, file.symbols_.size(), file.relocations_);
    }
    return file;
}

const ElfSection* ElfFile::section(std::string_view name) const {
    const auto found = std::find_if(sections_.begin(), sections_.end(),
                                    [&](const ElfSection& s) { return s.name == name; });
    return found == sections_.end() ? nullptr : &*found;
}

// read_file: one read of a regular file, whatever else stands under that name.

namespace {

// O_NONBLOCK: opening a FIFO or a terminal must not wait for its other end.
Fd open_for_reading(int folder, const std::string& name, const std::string& path) {
    if (path.find('\0') != std::string::npos)
        throw Error(ErrorKind::usage, "a path cannot hold a NUL byte");
    Fd fd(
        ::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (fd)
        return fd;
    const int error = errno;
    struct stat link {};
    if (error == ELOOP && ::fstatat(folder, name.c_str(), &link, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(link.st_mode))
        throw Error(ErrorKind::usage, path + " is a symbolic link").hint("name the file itself");
    if (error == ENXIO)
        throw Error(ErrorKind::usage, path + " is a socket, not a file");
    throw Error(ErrorKind::usage, "open " + path, error);
}

} // namespace

std::vector<std::byte> read_file(const std::string& path, std::size_t limit) {
    return read_file_at(AT_FDCWD, path, path, limit, {});
}

std::vector<std::byte> read_file_at(int folder, const std::string& name, const std::string& path,
                                    std::size_t limit,
                                    const std::function<void(const struct stat&)>& inspect) {
    const Fd fd = open_for_reading(folder, name, path);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw Error(ErrorKind::failed, "stat " + path, errno);
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorKind::usage,
                    path + " is " + kind_of_file(status.st_mode) + ", not a file");
    if (inspect)
        inspect(status);
    const auto too_large = [&](const std::string& size) {
        return Error(ErrorKind::usage, path + " has " + size + " bytes; at most " +
                                           std::to_string(limit) + " are read");
    };
    if (static_cast<std::uintmax_t>(status.st_size) > limit)
        throw too_large(std::to_string(status.st_size));

    // One byte more than there should be shows a file that grows while it is read.
    std::vector<std::byte> bytes(std::min(static_cast<std::size_t>(status.st_size), limit) + 1);
    std::size_t size = 0;
    while (true) {
        const ssize_t count = ::read(fd.get(), bytes.data() + size, bytes.size() - size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw Error(ErrorKind::failed, "read " + path, errno);
        if (count == 0)
            break;
        size += static_cast<std::size_t>(count);
        if (size > limit)
            throw too_large("more than " + std::to_string(limit));
        if (size == bytes.size())
            bytes.resize(std::min(2 * size, limit + 1));
    }
    bytes.resize(size);
    return bytes;
}

} // namespace dynmon
