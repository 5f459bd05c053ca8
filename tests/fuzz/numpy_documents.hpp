// SPDX-License-Identifier: BSD-2-Clause
// What an .npy file and an archive of them must be: read by parsers of our own, as strict as NumPy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

#include <zlib.h>

#include "fuzz/expect.hpp"

namespace dynmon::fuzz {

// Takes things off the front of a text; what is not there ends the run.
class Reader {
public:
    explicit Reader(std::string_view all) : all_(all), left_(all) {}

    bool starts_with(std::string_view what) const { return left_.starts_with(what); }
    std::string_view left() const { return left_; }

    std::string_view take(std::size_t count) {
        expect(count <= left_.size(), "ends too early", all_);
        const std::string_view taken = left_.substr(0, count);
        left_.remove_prefix(count);
        return taken;
    }
    void text(std::string_view what) { expect(take(what.size()) == what, "another text", all_); }
    std::string_view until(char end) {
        const std::size_t count = left_.find(end);
        expect(count != std::string_view::npos, "has no end", all_);
        const std::string_view taken = take(count);
        take(1);
        return taken;
    }
    template <typename Number>
    Number number() { // little endian
        Number number;
        std::memcpy(&number, take(sizeof number).data(), sizeof number);
        return number;
    }
    std::uint64_t decimal() {
        const std::size_t digits = std::min(left_.find_first_not_of("0123456789"), left_.size());
        expect(digits != 0 && digits < 20, "no number", all_);
        return std::stoull(std::string(take(digits)));
    }

private:
    std::string_view all_;
    std::string_view left_;
};

// The bytes of one element of a type such as "<u4", "|S16" or "<U39".
inline std::uint64_t element_size(std::string_view type) {
    Reader reader(type);
    const char order = reader.take(1)[0];
    const char kind = reader.take(1)[0];
    const std::uint64_t size = reader.decimal();
    expect(reader.left().empty(), "more behind a type", type);
    const bool of_bytes = kind == 'S' || (size == 1 && kind != 'U');
    expect(order == (of_bytes ? '|' : '<'), "another byte order", type);
    expect(kind == 'S' || kind == 'U' ? size > 0
           : kind == 'b'              ? size == 1
           : kind == 'f'
               ? size == 2 || size == 4 || size == 8
               : (kind == 'u' || kind == 'i') && (size == 1 || size == 2 || size == 4 || size == 8),
           "no type of NumPy", type);
    return kind == 'U' ? size * 4 : size;
}

// ("name", "type", (2,3,)) and its size; no two names are the same.
inline std::uint64_t take_field(Reader& reader, std::set<std::string_view>& names) {
    reader.text("(\"");
    const std::string_view name = reader.until('"');
    for (const char c : name)
        expect(c >= ' ' && c <= '~' && c != '\\', "a name that Python reads otherwise", name);
    expect(!name.empty() && names.insert(name).second, "a second field of a name", name);
    reader.text(", \"");
    std::uint64_t size = element_size(reader.until('"'));
    if (reader.starts_with(",")) {
        reader.text(", (");
        do {
            size *= reader.decimal();
            reader.text(",");
        } while (!reader.starts_with(")"));
        reader.text(")");
    }
    reader.text(")");
    return size;
}

// How many records it has.
inline std::uint64_t check_npy(std::string_view file) {
    Reader reader(file);
    reader.text("\x93NUMPY");
    const auto version = reader.number<std::uint8_t>();
    expect((version == 1 || version == 2) && reader.number<std::uint8_t>() == 0, "no version");
    const std::size_t length =
        version == 1 ? reader.number<std::uint16_t>() : reader.number<std::uint32_t>();
    Reader header(reader.take(length));
    expect((file.size() - reader.left().size()) % 64 == 0, "the data are not aligned");
    std::uint64_t size = 0;
    std::set<std::string_view> names;
    header.text("{\"descr\": [");
    while (!header.starts_with("]")) {
        size += take_field(header, names);
        header.text(", ");
    }
    header.text("], \"fortran_order\": False, \"shape\": (");
    const std::uint64_t count = header.decimal();
    header.text(",), }");
    expect(header.left().find_first_not_of(' ') == header.left().size() - 1 &&
               header.left().back() == '\n',
           "a header without its end", header.left());
    expect(reader.left().size() == size * count, "other data than the header says", file);
    return count;
}

// A member of an archive, by its entry in the directory; compared with what stands in front of it.
inline std::string_view take_member(Reader& directory, std::string_view file,
                                    std::set<std::string_view>& names) {
    expect(directory.number<std::uint32_t>() == 0x02014b50, "no entry of a directory");
    directory.take(2);
    const std::string_view facts = directory.take(26);
    Reader reader(facts.substr(10));
    const auto checksum = reader.number<std::uint32_t>();
    const auto size = reader.number<std::uint32_t>();
    expect(reader.number<std::uint32_t>() == size, "packed, and should not be");
    const auto name_size = reader.number<std::uint16_t>();
    directory.take(10);
    Reader local(file.substr(directory.number<std::uint32_t>()));
    const std::string_view name = directory.take(name_size);
    expect(names.insert(name).second, "two members of a name", name);
    expect(local.number<std::uint32_t>() == 0x04034b50, "no header of a member", name);
    expect(local.take(26) == facts && local.take(name_size) == name,
           "the header says another thing than the directory", name);
    const std::string_view data = local.take(size);
    expect(::crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()) == checksum,
           "another checksum", name);
    return data;
}

// How many members it has; `records`: of the last one.
inline std::size_t check_npz(std::string_view file, std::uint64_t& records) {
    constexpr std::size_t end_size = 22;
    expect(file.size() >= end_size, "no archive");
    Reader end(file.substr(file.size() - end_size));
    expect(end.number<std::uint32_t>() == 0x06054b50, "no end of an archive");
    end.take(4);
    const auto count = end.number<std::uint16_t>();
    expect(end.number<std::uint16_t>() == count, "an archive of several disks");
    const auto size = end.number<std::uint32_t>();
    const auto start = end.number<std::uint32_t>();
    expect(std::uint64_t{start} + size + end_size == file.size(), "a directory elsewhere");
    Reader directory(file.substr(start, size));
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < count; ++i)
        records = check_npy(take_member(directory, file, names));
    expect(directory.left().empty(), "more behind the directory");
    return count;
}

} // namespace dynmon::fuzz
