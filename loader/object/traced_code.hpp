// SPDX-License-Identifier: BSD-2-Clause
// The code of an object as atomics.cpp walks it: all executable sections, one behind the other,
// with what their relocations refer to; what registers hold on the way; and the ways themselves.
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <linux/bpf.h>

#include "base/file.hpp"
#include "object/elf.hpp"
#include "object/trust.hpp"

// What the walk of atomics.cpp tracks: numbers as far as they are known, and what registers and
// places on the stack may hold. Pure.

namespace dynmon::atomics {

constexpr std::size_t register_count = 11;
constexpr std::uint32_t most_known = 8; // rests are kept apart up to this power of two

// A number as far as it is known: all of it, or what it is more than a multiple of `modulus`.
struct Number {
    bool exact = false;
    std::int64_t value = 0;
    std::uint32_t modulus = 1;

    static Number of(std::int64_t value) { return {true, value, most_known}; }
    std::int64_t rest(std::uint32_t by) const {
        return value & static_cast<std::int64_t>(by - 1); // of a negative number too
    }
    bool operator==(const Number&) const = default;
};

Number sum(const Number& a, const Number& b, bool minus);
std::int64_t wrapped(std::uint64_t value);

// What a register or a place on the stack may be.
struct Abstract {
    std::uint64_t values = 0; // points into a value of one of these maps, `number` bytes in
    std::uint64_t maps = 0;   // is one of these maps
    bool stack = false;       // points into this function's stack
    bool untraced = false;    // points somewhere, perhaps into a value
    std::optional<std::size_t> function;
    Number number;

    bool pointer() const { return values != 0 || stack || untraced; }
    bool operator==(const Abstract&) const = default;
};

Abstract joined(const Abstract& a, const Abstract& b);

// Just before one instruction of a function, by whichever path it is reached.
struct TraceState {
    std::array<Abstract, register_count> registers;
    std::map<std::int64_t, Abstract> stack; // by offset; only what is worth knowing

    bool operator==(const TraceState&) const = default;

    bool join(const TraceState& other); // true: that changed something
    void compute(const bpf_insn& insn); // BPF_ALU and BPF_ALU64
    Abstract loaded(const Abstract& pointer, std::int16_t offset) const; // of 8 bytes
    void store(const bpf_insn& insn, const Abstract& what);
};

} // namespace dynmon::atomics

namespace dynmon::atomics {

struct Target {
    Abstract what;
    std::optional<std::size_t> call; // where a call of it goes
};

class Code {
public:
    // For a walk of `program`; `names`: of all maps. Both and the ELF file must outlive this.
    Code(const ElfFile& elf, std::string_view program, const std::vector<std::string>& names);

    std::optional<std::size_t> entry(std::string_view program) const;
    // Where the function begins that has this instruction.
    std::size_t function_of(std::size_t at) const;

    std::vector<std::string_view> maps; // by their bits
    std::vector<bpf_insn> instructions;
    std::map<std::size_t, Target> targets; // by the instruction that is relocated
    std::set<std::size_t> functions;

private:
    const ElfSymbol* symbol_of(std::string_view program) const;
    std::size_t place(std::uint32_t section, std::uint64_t offset) const;
    bool belongs_to(const ElfRelocation& relocation, const ElfSymbol* program) const;
    std::uint64_t bit_of(std::string_view map);
    void resolve(const ElfRelocation& relocation);
    std::string_view map_name(const ElfSymbol& symbol, std::int32_t offset) const;

    const ElfFile& elf_;
    const std::vector<std::string>& known_;
    std::map<std::uint32_t, std::size_t> begin_;
};

} // namespace dynmon::atomics

namespace dynmon {

// The way to a file, gone folder by folder: what is checked is what was gone through, whatever
// others rename meanwhile.

class Way {
public:
    // To the end of `path`, through symbolic links. Throws Error{usage} "open PATH: …".
    explicit Way(const std::string& path);

    const Steps& steps() const { return steps_; } // from "/" to the end, links among them
    int fd() const { return at_.get(); }          // of the end, with O_PATH

    // A file in the folder at the end, as `status` says.
    Step step_into(const std::string& name, const struct stat& status) const;

private:
    void go_to_root();
    void go_on(const std::string& name);
    void follow(const Fd& link);
    void put_first(const std::string& path);
    [[noreturn]] void fail(int error) const;

    std::string path_;
    std::deque<std::string> rest_;
    Fd at_;
    Step end_;
    Steps steps_;
    int links_ = 0;
};

// For what is written: throws Error{rejected} unless `path` leads to the open `fd` through no
// symbolic link but those of root and the caller. Others could lead to any folder of theirs.
void require_own_way(int fd, const std::string& path);

} // namespace dynmon
