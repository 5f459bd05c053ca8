// SPDX-License-Identifier: BSD-2-Clause
// .BTF.ext of an object: which line an instruction comes from, and which ones libbpf adapts to the
// running kernel. Reads what is there; of a damaged section nothing is believed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "object/elf.hpp"

struct btf;

namespace dynmon::policy {

class SourceLines {
public:
    // Neither needs to outlive the call.
    static SourceLines read(const ElfFile& elf, const btf* types);

    // "probe.bpf.c:42", of the last line that begins at or before `offset` bytes; "": not known.
    std::string place(const std::string& section, std::uint64_t offset) const;
    // Instructions of `section`, by their bytes.
    const std::set<std::uint64_t>& adapted(const std::string& section) const;
    // False: there is a .BTF.ext that cannot be read, so that any instruction may be adapted.
    bool whole() const { return whole_; }

private:
    struct Line {
        std::string file;
        std::uint32_t number = 0;
    };

    std::map<std::string, std::map<std::uint64_t, Line>> lines_;
    std::map<std::string, std::set<std::uint64_t>> adapted_;
    bool whole_ = true;
};

} // namespace dynmon::policy
