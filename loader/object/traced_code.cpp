// SPDX-License-Identifier: BSD-2-Clause
#include "object/traced_code.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"

namespace dynmon::atomics {

namespace {

Number rest_of(std::int64_t value, std::uint32_t modulus) {
    return {false, value & static_cast<std::int64_t>(modulus - 1), modulus};
}

Number joined(const Number& a, const Number& b) {
    if (a == b)
        return a;
    std::uint32_t modulus = std::min(a.modulus, b.modulus);
    while (a.rest(modulus) != b.rest(modulus))
        modulus /= 2;
    return rest_of(a.value, modulus);
}

} // namespace

std::int64_t wrapped(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

Number sum(const Number& a, const Number& b, bool minus) {
    const auto x = static_cast<std::uint64_t>(a.value);
    const auto y = static_cast<std::uint64_t>(b.value);
    const std::int64_t value = wrapped(minus ? x - y : x + y);
    return a.exact && b.exact ? Number::of(value) : rest_of(value, std::min(a.modulus, b.modulus));
}

namespace {

Number product(const Number& a, const Number& b) {
    const std::int64_t value =
        wrapped(static_cast<std::uint64_t>(a.value) * static_cast<std::uint64_t>(b.value));
    if (a.exact && b.exact)
        return Number::of(value);
    // What is not known of one is multiplied by the other.
    const auto reach = [](const Number& unknown, const Number& by) -> std::uint32_t {
        if (unknown.exact)
            return most_known;
        const std::uint64_t factor = by.exact && by.value != 0
                                         ? static_cast<std::uint64_t>(by.value)
                                         : (by.exact ? most_known : 1);
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(most_known, unknown.modulus * (factor & (~factor + 1))));
    };
    const std::uint32_t modulus = std::min(reach(a, b), reach(b, a));
    if (!a.exact && !b.exact)
        return rest_of(value, std::min(a.modulus, b.modulus));
    return rest_of(value, modulus);
}

// The lowest bits that are known of both, or that `and` makes 0.
Number masked(const Number& a, const Number& b) {
    if (a.exact && b.exact)
        return Number::of(a.value & b.value);
    std::uint32_t modulus = 1;
    while (modulus < most_known) {
        const auto known = [&](const Number& n) { return n.exact || n.modulus > modulus; };
        const auto zero = [&](const Number& n) { return known(n) && (n.value & modulus) == 0; };
        if (!(known(a) && known(b)) && !zero(a) && !zero(b))
            break;
        modulus *= 2;
    }
    return rest_of(a.value & b.value, modulus);
}

} // namespace

Abstract joined(const Abstract& a, const Abstract& b) {
    Abstract both;
    both.values = a.values | b.values;
    both.maps = a.maps | b.maps;
    both.stack = a.stack || b.stack;
    both.untraced = a.untraced || b.untraced;
    both.function = a.function ? a.function : b.function;
    // A pointer that may be null is one: a program cannot write through null.
    both.number = a.pointer() == b.pointer() ? joined(a.number, b.number)
                  : a.pointer()              ? a.number
                                             : b.number;
    return both;
}

bool TraceState::join(const TraceState& other) {
    const TraceState before = *this;
    for (std::size_t i = 0; i < register_count; ++i)
        registers[i] = joined(registers[i], other.registers[i]);
    for (const auto& [offset, place] : other.stack) {
        const auto [mine, fresh] = stack.try_emplace(offset, place);
        if (!fresh)
            mine->second = joined(mine->second, place);
    }
    return !(*this == before);
}

void TraceState::compute(const bpf_insn& insn) {
    Abstract& target = registers[insn.dst_reg];
    const bool wide = BPF_CLASS(insn.code) == BPF_ALU64;
    const auto operation = BPF_OP(insn.code);
    Abstract source;
    if (BPF_SRC(insn.code) == BPF_X)
        source = registers[insn.src_reg];
    else
        source.number = Number::of(insn.imm);
    if (operation == BPF_MOV && wide && insn.off == 0) {
        target = source;
        return;
    }
    if (wide && (operation == BPF_ADD || operation == BPF_SUB)) {
        const bool minus = operation == BPF_SUB;
        if (target.pointer() && source.pointer()) {
            if (!minus) // one of them is only known to perhaps be a pointer
                target.untraced = true;
            target.number = {};
            return;
        }
        const Number number = sum(target.number, source.number, minus);
        if (source.pointer())
            target = source;
        target.number = number;
        return;
    }
    Number number;
    const Number& a = target.number;
    const Number& b = source.number;
    if (operation == BPF_MOV && insn.off == 0)
        number = b;
    else if (operation == BPF_ADD || operation == BPF_SUB)
        number = sum(a, b, operation == BPF_SUB);
    else if (operation == BPF_MUL)
        number = product(a, b);
    else if (operation == BPF_LSH && b.exact)
        number = product(a, Number::of(wrapped(std::uint64_t{1} << (b.value & 63))));
    else if (operation == BPF_AND)
        number = masked(a, b);
    else if (operation == BPF_RSH && wide && a.exact && b.exact)
        number = Number::of(wrapped(static_cast<std::uint64_t>(a.value) >> (b.value & 63)));
    if (!wide && number.exact)
        number = Number::of(static_cast<std::uint32_t>(number.value));
    target = {};
    target.number = number;
}

namespace {

std::optional<std::int64_t> stack_offset(const Abstract& pointer, std::int16_t offset) {
    if (!pointer.stack || !pointer.number.exact)
        return std::nullopt;
    return pointer.number.value + offset;
}

} // namespace

Abstract TraceState::loaded(const Abstract& pointer, std::int16_t offset) const {
    Abstract result;
    if (const auto at = stack_offset(pointer, offset)) {
        const auto found = stack.find(*at);
        if (found != stack.end())
            result = found->second;
    } else if (pointer.stack) {
        for (const auto& [place, content] : stack)
            result.untraced = result.untraced || content.pointer();
    }
    // The stack of a caller, which may keep a pointer. Values and packets keep none.
    result.untraced = result.untraced || pointer.untraced;
    return result;
}

void TraceState::store(const bpf_insn& insn, const Abstract& what) {
    const auto at = stack_offset(registers[insn.dst_reg], insn.off);
    if (!at)
        return;
    constexpr std::array<int, 4> sizes{4, 2, 1, 8}; // W, H, B, DW
    const int size = sizes[BPF_SIZE(insn.code) >> 3];
    for (std::int64_t place = *at - 7; place < *at + size; ++place)
        stack.erase(place);
    if (size == 8 && (what.pointer() || what.maps != 0))
        stack[*at] = what;
}

} // namespace dynmon::atomics

namespace dynmon::atomics {

namespace {

constexpr std::size_t most_maps = 64; // a bit each, as many as the kernel lets a program use

} // namespace

Code::Code(const ElfFile& elf, std::string_view program, const std::vector<std::string>& names)
    : elf_(elf), known_(names) {
    for (std::uint32_t i = 0; i < elf.sections().size(); ++i) {
        const ElfSection& section = elf.sections()[i];
        if (!section.executable())
            continue;
        begin_[i] = instructions.size();
        const std::size_t count = section.data.size() / sizeof(bpf_insn);
        instructions.resize(instructions.size() + count);
        if (count > 0)
            std::memcpy(&instructions[begin_[i]], section.data.data(), count * sizeof(bpf_insn));
    }
    for (const ElfSymbol& symbol : elf.symbols())
        if (symbol.type == STT_FUNC && begin_.count(symbol.section) == 1)
            functions.insert(place(symbol.section, symbol.value));
    // Bits go to the maps of this program first: an object may have any number of others.
    const ElfSymbol* own = symbol_of(program);
    for (const bool of_program : {true, false})
        for (const ElfRelocation& relocation : elf.relocations())
            if (begin_.count(relocation.section) == 1 && belongs_to(relocation, own) == of_program)
                resolve(relocation);
}

std::optional<std::size_t> Code::entry(std::string_view program) const {
    const ElfSymbol* symbol = symbol_of(program);
    return symbol == nullptr ? std::nullopt : std::optional(place(symbol->section, symbol->value));
}

std::size_t Code::function_of(std::size_t at) const {
    const auto next = functions.upper_bound(at);
    return next == functions.begin() ? 0 : *std::prev(next);
}

const ElfSymbol* Code::symbol_of(std::string_view program) const {
    for (const ElfSymbol& symbol : elf_.symbols())
        if (symbol.type == STT_FUNC && symbol.name == program && begin_.count(symbol.section) == 1)
            return &symbol;
    return nullptr;
}

std::size_t Code::place(std::uint32_t section, std::uint64_t offset) const {
    return begin_.at(section) + offset / sizeof(bpf_insn);
}

// In code that it shares with others, or its own.
bool Code::belongs_to(const ElfRelocation& relocation, const ElfSymbol* program) const {
    return elf_.sections()[relocation.section].name == ".text" ||
           (program != nullptr && program->section == relocation.section &&
            relocation.offset >= program->value &&
            relocation.offset - program->value < program->size);
}

// 0: no map, or one of more than a program can use.
std::uint64_t Code::bit_of(std::string_view map) {
    auto found = std::find(maps.begin(), maps.end(), map);
    if (found == maps.end()) {
        if (maps.size() == most_maps ||
            std::find(known_.begin(), known_.end(), map) == known_.end())
            return 0;
        found = maps.insert(maps.end(), map);
    }
    return std::uint64_t{1} << (found - maps.begin());
}

void Code::resolve(const ElfRelocation& relocation) {
    const std::size_t at = place(relocation.section, relocation.offset);
    const ElfSymbol& symbol = elf_.symbols()[relocation.symbol];
    if (at >= instructions.size() || symbol.section >= elf_.sections().size())
        return;
    const bpf_insn& insn = instructions[at];
    const ElfSection& section = elf_.sections()[symbol.section];
    Target& target = targets[at];
    if (begin_.count(symbol.section) == 1) {
        const bool is_call = insn.code == (BPF_JMP | BPF_CALL);
        const std::int64_t bytes = is_call ? (std::int64_t{insn.imm} + 1) * 8 : insn.imm;
        const std::size_t function =
            place(symbol.section, symbol.value + static_cast<std::uint64_t>(bytes));
        target.what.function = function;
        target.call = function;
        functions.insert(function);
    } else if (section.name == ".maps") {
        target.what.maps = bit_of(map_name(symbol, insn.imm));
    } else {
        target.what.values = bit_of(section.name);
        target.what.untraced = target.what.values == 0;
        target.what.number = Number::of(static_cast<std::int64_t>(symbol.value) + insn.imm);
    }
}

// A static map is referred to by its section and its place in it.
std::string_view Code::map_name(const ElfSymbol& symbol, std::int32_t offset) const {
    if (symbol.type != STT_SECTION)
        return symbol.name;
    for (const ElfSymbol& other : elf_.symbols())
        if (other.type == STT_OBJECT && other.section == symbol.section &&
            other.value == static_cast<std::uint64_t>(offset))
            return other.name;
    return "";
}

} // namespace dynmon::atomics

namespace dynmon {

namespace {

namespace fs = std::filesystem;

} // namespace

Way::Way(const std::string& path) : path_(path) {
    if (path.find('\0') != std::string::npos)
        throw Error(ErrorKind::usage, "a path cannot hold a NUL byte");
    if (path.empty())
        fail(ENOENT);
    put_first(path);
    if (path.front() != '/') {
        std::error_code error;
        const fs::path here = fs::current_path(error);
        if (error)
            fail(error.value());
        put_first(here.string());
    }
    go_to_root();
    while (!rest_.empty()) {
        const std::string name = rest_.front();
        rest_.pop_front();
        if (!S_ISDIR(end_.status.st_mode))
            fail(ENOTDIR);
        if (!name.empty() && name != ".")
            go_on(name);
    }
}

Step Way::step_into(const std::string& name, const struct stat& status) const {
    const bool shared = name != ".." && (end_.status.st_mode & S_ISVTX) != 0 &&
                        (end_.status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    return {end_.path + (end_.path.ends_with('/') ? "" : "/") + name, status, shared};
}

void Way::go_to_root() {
    at_ = Fd(::open("/", O_PATH | O_CLOEXEC));
    end_ = {"/", {}};
    if (!at_ || ::fstat(at_.get(), &end_.status) != 0)
        fail(errno);
    steps_.push_back(end_);
}

void Way::go_on(const std::string& name) {
    Fd next(::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!next || ::fstat(next.get(), &status) != 0)
        fail(errno);
    steps_.push_back(step_into(name, status));
    if (S_ISLNK(status.st_mode))
        return follow(next);
    if (name == "..")
        steps_.back().path = fs::path(end_.path).parent_path().string();
    end_ = steps_.back();
    at_ = std::move(next);
}

// By its text, also where the kernel would jump (/proc/self/cwd): every folder is gone through.
void Way::follow(const Fd& link) {
    constexpr int most_links = 40; // as the kernel has it
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
    if (size <= 0 || ++links_ > most_links)
        fail(size < 0 ? errno : ELOOP);
    const std::string text(target.data(), static_cast<std::size_t>(size));
    put_first(text);
    if (text.front() == '/')
        go_to_root();
}

void Way::put_first(const std::string& path) {
    std::deque<std::string> names;
    for (const fs::path& name : fs::path(path).relative_path())
        names.push_back(name.string());
    rest_.insert(rest_.begin(), names.begin(), names.end());
}

void Way::fail(int error) const {
    throw Error(ErrorKind::usage, "open " + path_, error);
}

void require_own_way(int fd, const std::string& path) {
    const auto refuse = [&](const std::string& fault) {
        return Error(ErrorKind::rejected, fault)
            .hint("name a folder that is reached through folders alone");
    };
    const Way way(path);
    for (const Step& step : way.steps())
        if (S_ISLNK(step.status.st_mode) && step.status.st_uid != 0 &&
            step.status.st_uid != geteuid())
            throw refuse(step.path + " is a symbolic link of user " +
                         std::to_string(step.status.st_uid) + ", who can lead it anywhere");
    struct stat opened {};
    const struct stat& reached = way.steps().back().status;
    if (::fstat(fd, &opened) != 0 || opened.st_dev != reached.st_dev ||
        opened.st_ino != reached.st_ino)
        throw refuse(path + " was exchanged while it was opened");
}

} // namespace dynmon
