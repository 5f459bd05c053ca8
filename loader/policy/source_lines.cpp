// SPDX-License-Identifier: BSD-2-Clause
#include "policy/source_lines.hpp"

#include <cstring>
#include <functional>
#include <optional>

#include <bpf/btf.h>

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
