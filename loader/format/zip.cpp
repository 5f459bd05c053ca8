// SPDX-License-Identifier: BSD-2-Clause
#include "format/zip.hpp"

#include <zlib.h>

namespace dynmon {

namespace {

constexpr std::uint16_t plain_version = 20;
constexpr std::uint16_t zip64_version = 45;
constexpr std::uint16_t zip64_extra = 1;
constexpr std::uint16_t first_date = 1 << 5 | 1; // 1980-01-01: the same data give the same file
constexpr std::uint32_t see_extra = 0xffff'ffff;
constexpr std::uint16_t see_end64 = 0xffff;

template <typename Number>
void put(Number number, std::string& out) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number); // little endian
}

template <typename... Numbers>
std::string packed(Numbers... numbers) {
    std::string out;
    (put(numbers, out), ...);
    return out;
}

std::uint16_t length(const std::string& text) {
    return static_cast<std::uint16_t>(text.size());
}

std::string extra_field(const std::string& numbers) {
    return numbers.empty() ? "" : packed(zip64_extra, length(numbers)) + numbers;
}

std::uint16_t version_for(const std::string& extra) {
    return extra.empty() ? plain_version : zip64_version;
}

// What a local header and the directory say of a file alike, from the flags on.
std::string facts(std::uint32_t checksum, std::uint32_t size, const std::string& name,
                  const std::string& extra) {
    return packed(std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}, first_date, checksum, size,
                  size, length(name), length(extra));
}

} // namespace

void ZipWriter::add(const std::string& name, const std::string& head, Spool& body) {
    const uLong of_head = ::crc32_z(0, reinterpret_cast<const Bytef*>(head.data()), head.size());
    const Entry entry{name, head.size() + body.size(), offset_,
                      static_cast<std::uint32_t>(::crc32_combine(
                          of_head, body.checksum(), static_cast<z_off_t>(body.size())))};
    const bool large = entry.size >= largest_;
    const std::string extra = extra_field(large ? packed(entry.size, entry.size) : "");
    const std::uint32_t size = large ? see_extra : static_cast<std::uint32_t>(entry.size);
    const std::string header = packed(std::uint32_t{0x0403'4b50}, version_for(extra)) +
                               facts(entry.checksum, size, name, extra) + name + extra;
    sink_.buffer().append(header).append(head);
    body.copy_to(sink_);
    offset_ += header.size() + entry.size;
    entries_.push_back(entry);
}

void ZipWriter::put_directory_entry(const Entry& entry) {
    const bool large = entry.size >= largest_;
    const bool far = entry.offset >= largest_;
    const std::string extra = extra_field((large ? packed(entry.size, entry.size) : "") +
                                          (far ? packed(entry.offset) : ""));
    const std::uint32_t size = large ? see_extra : static_cast<std::uint32_t>(entry.size);
    const std::uint32_t offset = far ? see_extra : static_cast<std::uint32_t>(entry.offset);
    const std::string header =
        packed(std::uint32_t{0x0201'4b50}, zip64_version, version_for(extra)) +
        facts(entry.checksum, size, entry.name, extra) +
        packed(std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}, std::uint32_t{0}, offset) +
        entry.name + extra;
    sink_.buffer() += header;
    sink_.spill();
    offset_ += header.size();
}

void ZipWriter::put_end(std::uint64_t start, std::uint64_t size) {
    std::string& out = sink_.buffer();
    const std::uint64_t count = entries_.size();
    const bool large = count >= see_end64 || start >= largest_ || size >= largest_;
    if (large) {
        const std::uint64_t end64 = offset_;
        out += packed(std::uint32_t{0x0606'4b50}, std::uint64_t{44}, zip64_version, zip64_version,
                      std::uint32_t{0}, std::uint32_t{0}, count, count, size, start);
        out += packed(std::uint32_t{0x0706'4b50}, std::uint32_t{0}, end64, std::uint32_t{1});
    }
    const auto short_count = large ? see_end64 : static_cast<std::uint16_t>(count);
    out += packed(std::uint32_t{0x0605'4b50}, std::uint16_t{0}, std::uint16_t{0}, short_count,
                  short_count, large ? see_extra : static_cast<std::uint32_t>(size),
                  large ? see_extra : static_cast<std::uint32_t>(start), std::uint16_t{0});
}

void ZipWriter::finish() {
    const std::uint64_t start = offset_;
    for (const Entry& entry : entries_)
        put_directory_entry(entry);
    put_end(start, offset_ - start);
}

} // namespace dynmon
