// SPDX-License-Identifier: BSD-2-Clause
// The instructions of an object with what each refers to, resolved as libbpf resolves it: what
// libbpf would do with a reference must not differ from what the analysis takes it for; and the
// lines of the source that they come from. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <linux/bpf.h>

#include "object/elf.hpp"

// .BTF.ext of an object: which line an instruction comes from, and which ones libbpf adapts to the
// running kernel. Reads what is there; believes nothing in a damaged section.

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

namespace dynmon {
class Object;
struct ProgramInfo;
} // namespace dynmon

namespace dynmon::policy {

// What a relocated instruction refers to.
struct Reference {
    enum class Kind {
        unknown,  // nothing that libbpf would take for one thing
        function, // of .text, at instruction `at`
        map,      // number `at` of Object::maps()
        value,    // the value of that map, which has global data, `offset` bytes in
        kernel    // a function or variable of the kernel, called `name`
    };
    Kind kind = Kind::unknown;
    std::size_t at = 0;
    std::int64_t offset = 0;
    std::string name;
};

// The number of the map that holds a section of global data; nothing: there is none.
std::optional<std::size_t> data_map(const Object& object, std::string_view section);

// All executable sections, one behind the other.
class LinkedCode {
public:
    explicit LinkedCode(const Object& object);

    const std::vector<bpf_insn>& instructions() const { return instructions_; }
    std::optional<std::size_t> entry(const ProgramInfo& program) const;
    const Reference* reference(std::size_t at) const; // nullptr: none
    // The function of .text that a call without a relocation goes to; libbpf looks nowhere else.
    std::optional<std::size_t> local_call(std::size_t at) const;
    bool is_function(std::size_t at) const { return functions_.contains(at); }
    // The verifier walks through it once for all of its calls, since it is not static.
    bool is_global_function(std::size_t at) const { return global_functions_.contains(at); }
    // libbpf changes this instruction to fit the running kernel (CO-RE).
    bool adapted(std::size_t at) const { return adapted_.contains(at); }
    std::string place(std::size_t at) const; // "probe.bpf.c:42", or "tc+0x18" without lines

private:
    struct Part {
        std::string section;
        std::uint32_t index = 0;
        std::size_t begin = 0;
        std::size_t count = 0;
    };

    const Part* part_of(std::uint32_t section) const;
    const Part& part_at(std::size_t at) const;
    Reference resolve(const ElfSymbol& symbol, const bpf_insn& insn) const;
    std::optional<std::size_t> in_text(std::uint64_t offset) const;

    const Object& object_;
    ElfFile elf_;
    SourceLines lines_;
    std::vector<Part> parts_;
    std::vector<bpf_insn> instructions_;
    std::map<std::size_t, Reference> references_;
    std::set<std::size_t> functions_; // in .text
    std::set<std::size_t> global_functions_;
    std::set<std::size_t> adapted_;
};

} // namespace dynmon::policy
