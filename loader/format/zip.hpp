// SPDX-License-Identifier: BSD-2-Clause
// A ZIP archive of stored files, written from front to back; ZIP64 where the sizes want it.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/sink.hpp"

namespace dynmon {

class ZipWriter {
public:
    // Numbers from `largest` on are written as ZIP64; tests have smaller ones.
    explicit ZipWriter(Sink& sink, std::uint64_t largest = 0xffff'ffff)
        : sink_(sink), largest_(largest) {}

    // A file of `head` and what is in `body`. Names are ASCII, each once.
    void add(const std::string& name, const std::string& head, Spool& body);
    void finish(); // the directory; to be called once, at the end

private:
    struct Entry {
        std::string name;
        std::uint64_t size;
        std::uint64_t offset;
        std::uint32_t checksum;
    };
    void put_directory_entry(const Entry& entry);
    void put_end(std::uint64_t start, std::uint64_t size);

    Sink& sink_;
    std::uint64_t largest_;
    std::uint64_t offset_ = 0; // bytes written
    std::vector<Entry> entries_;
};

} // namespace dynmon
