// SPDX-License-Identifier: BSD-2-Clause
// Loads and stores, of the stack, the packet and maps: what they give, and what a program does by
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "decode/map_shapes.hpp"
#include "policy/rules.hpp"
#include "policy/state.hpp"

namespace dynmon {
class Object;
struct ProgramInfo;
} // namespace dynmon

namespace dynmon::policy {

// Where a load or store goes: so many bytes behind a pointer; nullopt: libbpf adapts them.
struct Target {
    Value pointer;
    std::optional<std::int64_t> offset;
    unsigned size = 8;
};

class Memory {
public:
    // `may_drop` is what the loader writes into dynmon_may_drop. All of them must outlive this.
    Memory(const Object& object, const ProgramInfo& program, bool may_drop, Findings& findings);

    Value load(std::size_t at, const Target& from, const State& state) const;
    void store(std::size_t at, const Target& to, const Value& value, State& state) const;
    // A helper or function of the kernel, `who`, writes there.
    void output(std::size_t at, const std::string& who, const Value& pointer, State& state) const;

private:
    std::optional<std::int64_t> place_of(const Target& target) const;
    Value load_context(std::optional<std::int64_t> place, unsigned size) const;
    Value load_value(const Value& pointer, std::optional<std::int64_t> place, unsigned size) const;
    std::string field_name(std::optional<std::int64_t> place) const;
    // Reports a write through it, "writes …", unless every probe may do so.
    void check_write(std::size_t at, const std::string& who, const Target& to) const;

    struct Constant { // of .rodata, that the loader alone sets
        std::int64_t offset = -1;
        unsigned size = 0;
    };
    Constant constant(const char* name) const;

    const Object& object_;
    const ProgramInfo& program_;
    Findings& findings_;
    std::optional<std::size_t> rodata_; // number of the map
    Constant slot_;
    Constant drop_;
    bool may_drop_;
};

} // namespace dynmon::policy

namespace dynmon {

// How much memory of the kernel the maps of a probe may take. Pure but for the number of CPUs.

struct Manifest;
struct MapInfo;
class Object;

// When no policy of the machine says otherwise.
inline constexpr std::uint64_t preset_map_memory = std::uint64_t{4} << 30;

// What one map takes when it is full, about: keys, values, on each of `cpus` where it is per CPU,
// and what the kernel keeps beside them.
std::uint64_t map_bytes(const MapInfo& map, std::size_t cpus);

// Throws Error{rejected} with the largest map when all of them, as `shapes` makes them and twice
// where they are swapped, would take more than `limit` bytes.
void require_map_memory(const Manifest& manifest, const Object& object,
                        const std::vector<MapShape>& shapes, std::uint64_t limit);

} // namespace dynmon
