// SPDX-License-Identifier: BSD-2-Clause
#include "policy/linked_code.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include <bpf/btf.h>

#include "object/object.hpp"
#include "policy/instructions.hpp"

namespace dynmon::policy {

namespace {

constexpr std::size_t instruction_bytes = sizeof(bpf_insn);

// The number of the map that a variable of .maps at `offset` is; libbpf takes the names from BTF.
std::optional<std::size_t> map_at(const Object& object, std::uint64_t offset) {
    const btf* types = object.types();
    const int section = btf__find_by_name_kind(types, ".maps", BTF_KIND_DATASEC);
    if (section < 0)
        return std::nullopt;
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
    for (int i = 0; i < btf_vlen(type); ++i) {
        const btf_var_secinfo& place = btf_var_secinfos(type)[i];
        if (place.offset != offset)
            continue;
        const btf_type* variable = btf__type_by_id(types, place.type);
        const MapInfo* map = object.map(btf__name_by_offset(types, variable->name_off));
        if (map != nullptr && !map->global_data)
            return static_cast<std::size_t>(map - object.maps().data());
    }
    return std::nullopt;
}

} // namespace

std::optional<std::size_t> data_map(const Object& object, std::string_view section) {
    const MapInfo* map = object.map(section);
    if (map == nullptr || !map->global_data)
        return std::nullopt;
    return static_cast<std::size_t>(map - object.maps().data());
}

LinkedCode::LinkedCode(const Object& object)
    : object_(object), elf_(ElfFile::read(object.bytes())),
      lines_(SourceLines::read(elf_, object.types())) {
    for (std::uint32_t i = 0; i < elf_.sections().size(); ++i) {
        const ElfSection& section = elf_.sections()[i];
        if (!section.executable())
            continue;
        const std::size_t begin = instructions_.size();
        const std::size_t count = section.data.size() / instruction_bytes;
        parts_.push_back({std::string(section.name), i, begin, count});
        instructions_.resize(begin + count);
        if (count > 0)
            std::memcpy(&instructions_[begin], section.data.data(), count * instruction_bytes);
        for (const std::uint64_t at : lines_.adapted(parts_.back().section))
            adapted_.insert(begin + at / instruction_bytes);
        for (std::size_t at = 0; !lines_.whole() && at < count; ++at)
            adapted_.insert(begin + at);
    }
    for (const ElfSymbol& symbol : elf_.symbols())
        if (const Part* part = part_of(symbol.section);
            part != nullptr && part->section == ".text" && symbol.type == STT_FUNC) {
            functions_.insert(part->begin + symbol.value / instruction_bytes);
            if (!symbol.local)
                global_functions_.insert(part->begin + symbol.value / instruction_bytes);
        }
    for (const ElfRelocation& relocation : elf_.relocations()) {
        const Part* part = part_of(relocation.section);
        if (part == nullptr)
            continue;
        const std::size_t at = part->begin + relocation.offset / instruction_bytes;
        const auto [place, first] = references_.try_emplace(at);
        if (first) // of two, libbpf takes either
            place->second = resolve(elf_.symbols()[relocation.symbol], instructions_[at]);
        else
            place->second = {};
    }
}

const LinkedCode::Part* LinkedCode::part_of(std::uint32_t section) const {
    const auto found = std::find_if(parts_.begin(), parts_.end(),
                                    [&](const Part& part) { return part.index == section; });
    return found == parts_.end() ? nullptr : &*found;
}

const LinkedCode::Part& LinkedCode::part_at(std::size_t at) const {
    return *std::prev(std::find_if(parts_.begin() + 1, parts_.end(),
                                   [&](const Part& part) { return part.begin > at; }));
}

std::optional<std::size_t> LinkedCode::in_text(std::uint64_t offset) const {
    for (const Part& part : parts_)
        if (part.section == ".text" && offset / instruction_bytes < part.count) {
            const std::size_t at = part.begin + offset / instruction_bytes;
            if (offset % instruction_bytes == 0 && is_function(at))
                return at;
        }
    return std::nullopt;
}

Reference LinkedCode::resolve(const ElfSymbol& symbol, const bpf_insn& insn) const {
    using Kind = Reference::Kind;
    const std::string name(symbol.name);
    if (insn.code != opcode::call && insn.code != opcode::wide_load)
        return {.name = name};
    if (symbol.section == SHN_UNDEF)
        return {.kind = Kind::kernel, .name = name};
    if (symbol.section >= elf_.sections().size())
        return {.name = name};
    const ElfSection& section = elf_.sections()[symbol.section];
    if (section.executable()) {
        const std::int64_t more =
            insn.code == opcode::call ? (std::int64_t{insn.imm} + 1) * 8 : std::int64_t{insn.imm};
        const auto function = in_text(
            section.name == ".text" ? symbol.value + static_cast<std::uint64_t>(more) : UINT64_MAX);
        return function ? Reference{.kind = Kind::function, .at = *function, .name = name}
                        : Reference{.name = name};
    }
    if (insn.code == opcode::call)
        return {.name = name};
    if (section.name == ".maps") {
        const auto map = map_at(object_, symbol.value);
        return map ? Reference{.kind = Kind::map, .at = *map, .name = name}
                   : Reference{.name = name};
    }
    const auto map = data_map(object_, section.name);
    if (!map)
        return {.name = name};
    return {.kind = Kind::value,
            .at = *map,
            .offset = static_cast<std::int64_t>(symbol.value) + insn.imm,
            .name = name};
}

std::optional<std::size_t> LinkedCode::entry(const ProgramInfo& program) const {
    std::optional<std::size_t> found;
    for (const ElfSymbol& symbol : elf_.symbols()) {
        const Part* part = part_of(symbol.section);
        if (part == nullptr || symbol.type != STT_FUNC || symbol.name != program.name ||
            part->section != program.section || part->section == ".text")
            continue;
        if (found)
            return std::nullopt;
        found = part->begin + symbol.value / instruction_bytes;
    }
    return found;
}

const Reference* LinkedCode::reference(std::size_t at) const {
    const auto found = references_.find(at);
    return found == references_.end() ? nullptr : &found->second;
}

std::optional<std::size_t> LinkedCode::local_call(std::size_t at) const {
    const Part& part = part_at(at);
    if (part.section != ".text")
        return std::nullopt;
    const auto target = static_cast<std::int64_t>(at - part.begin) + instructions_[at].imm + 1;
    return target < 0 ? std::nullopt : in_text(static_cast<std::uint64_t>(target) * 8);
}

std::string LinkedCode::place(std::size_t at) const {
    const Part& part = part_at(at);
    const std::uint64_t offset = (at - part.begin) * instruction_bytes;
    if (std::string text = lines_.place(part.section, offset); !text.empty())
        return text;
    return part.section + "+" + std::to_string(offset);
}

} // namespace dynmon::policy

namespace dynmon::policy {

namespace {

struct ExtHeader { // struct btf_ext_header, which libbpf keeps to itself
    std::uint16_t magic;
    std::uint8_t version;
    std::uint8_t flags;
    std::uint32_t header_bytes;
    std::uint32_t functions_at;
    std::uint32_t functions_bytes;
    std::uint32_t lines_at;
    std::uint32_t lines_bytes;
    std::uint32_t adapted_at; // behind the first 24 bytes: not in every one
    std::uint32_t adapted_bytes;
};
constexpr std::uint32_t short_header = 24;

struct SectionHeader {
    std::uint32_t name;
    std::uint32_t count;
};

struct LineRecord { // struct bpf_line_info
    std::uint32_t offset;
    std::uint32_t file;
    std::uint32_t text;
    std::uint32_t line_and_column;
};

template <typename Record>
std::optional<Record> record_at(std::span<const std::byte> bytes, std::uint64_t at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(Record))
        return std::nullopt;
    Record record;
    std::memcpy(&record, bytes.data() + at, sizeof record);
    return record;
}

using Visit = std::function<void(const std::string& section, std::span<const std::byte> record)>;

// Each record of a table: its size, then sections of a name, a number and that many records.
bool each_record(std::span<const std::byte> table, std::uint32_t least, const btf* types,
                 const Visit& visit) {
    if (table.empty())
        return true;
    const auto size = record_at<std::uint32_t>(table, 0);
    if (!size || *size < least)
        return false;
    std::uint64_t at = sizeof(std::uint32_t);
    while (at < table.size()) {
        const auto section = record_at<SectionHeader>(table, at);
        at += sizeof(SectionHeader);
        if (!section || std::uint64_t{section->count} * *size > table.size() - at)
            return false;
        const char* name = btf__name_by_offset(types, section->name);
        for (std::uint32_t i = 0; i < section->count; ++i, at += *size)
            visit(name == nullptr ? "" : name, table.subspan(at, *size));
    }
    return true;
}

std::string base_name(const char* path) {
    if (path == nullptr)
        return "";
    const char* slash = std::strrchr(path, '/');
    return slash == nullptr ? path : slash + 1;
}

} // namespace

SourceLines SourceLines::read(const ElfFile& elf, const btf* types) {
    SourceLines lines;
    const ElfSection* section = elf.section(".BTF.ext");
    if (section == nullptr)
        return lines;
    ExtHeader header{};
    const std::span<const std::byte> data = section->data;
    if (!data.empty())
        std::memcpy(&header, data.data(), std::min(data.size(), sizeof header));
    lines.whole_ = false;
    if (data.size() < short_header || header.header_bytes < short_header ||
        header.header_bytes > data.size())
        return lines;
    if (header.header_bytes < sizeof header)
        header.adapted_at = header.adapted_bytes = 0;
    const auto body = data.subspan(header.header_bytes);
    const auto inside = [&](std::uint32_t at, std::uint32_t bytes) {
        return std::uint64_t{at} + bytes <= body.size();
    };
    if (!inside(header.lines_at, header.lines_bytes) ||
        !inside(header.adapted_at, header.adapted_bytes))
        return lines;
    lines.whole_ =
        each_record(body.subspan(header.lines_at, header.lines_bytes), sizeof(LineRecord), types,
                    [&](const std::string& name, std::span<const std::byte> bytes) {
                        const auto record = record_at<LineRecord>(bytes, 0);
                        lines.lines_[name][record->offset] = {
                            base_name(btf__name_by_offset(types, record->file)),
                            record->line_and_column >> 10};
                    }) &&
        each_record(body.subspan(header.adapted_at, header.adapted_bytes), sizeof(std::uint32_t),
                    types, [&](const std::string& name, std::span<const std::byte> bytes) {
                        lines.adapted_[name].insert(*record_at<std::uint32_t>(bytes, 0));
                    });
    return lines;
}

std::string SourceLines::place(const std::string& section, std::uint64_t offset) const {
    const auto found = lines_.find(section);
    if (found == lines_.end())
        return "";
    const auto next = found->second.upper_bound(offset);
    if (next == found->second.begin())
        return "";
    const Line& line = std::prev(next)->second;
    return line.file.empty() ? "" : line.file + ":" + std::to_string(line.number);
}

const std::set<std::uint64_t>& SourceLines::adapted(const std::string& section) const {
    static const std::set<std::uint64_t> none;
    const auto found = adapted_.find(section);
    return found == adapted_.end() ? none : found->second;
}

} // namespace dynmon::policy
