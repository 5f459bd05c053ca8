// SPDX-License-Identifier: BSD-2-Clause
// One loaded version of a probe as it stands in bpffs: its programs, its maps, and its record, the
// JSON that says what they are.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/map_type.hpp"
#include "kernel/bpf.hpp"
#include "kernel/clock.hpp"
#include "kernel/own_pin.hpp"
#include "manifest/manifest.hpp"
#include "object/btf_ptr.hpp"
#include "state/hook_id.hpp"

namespace dynmon {

// A swapped map exists once a side; everything else has the side `shared`.
enum class Side : std::uint8_t { a = 0, b = 1 };
inline Side other(Side side) {
    return side == Side::a ? Side::b : Side::a;
}

struct MapRecord {
    std::string name; // as in C
    MapType type = BPF_MAP_TYPE_UNSPEC;
    bool swapped = false;
    std::uint32_t key_type_id = 0; // in the generation's own BTF
    std::uint32_t value_type_id = 0;
};

// The program of one direction, loaded once, or twice (sides a and b) when a map is swapped.
struct ProgramRecord {
    Direction direction = Direction::ingress;
    std::string name;
    HookId hook;
    bool hand_over = false;
    std::vector<std::uint32_t> slots; // one per side: where the successor of that instance stands
    std::vector<std::uint32_t> ids;   // kernel program ids, one per side
    std::uint64_t limit_ns = 0;       // what a packet may cost on average; 0: anything

    std::optional<Side> side_of(std::uint32_t program_id) const;
    bool operator==(const ProgramRecord&) const = default;
};

struct GenerationRecord {
    std::uint32_t number = 0;
    std::uint64_t created_ns = 0;
    std::string monitor;
    std::string object_path; // for people; the object itself is not needed any more
    std::string sha256;
    Manifest manifest;
    std::map<std::string, std::string> parameters; // --set name=value, as given
    ClockSource clock = ClockSource::ktime;
    Side initial_side = Side::a;
    std::vector<ProgramRecord> programs;
    std::vector<MapRecord> maps;

    bool swaps() const; // any map is swapped
    std::uint64_t limit_ns() const { return programs.empty() ? 0 : programs.front().limit_ns; }
    const MapRecord* map(std::string_view name) const;
};

// What is left of a generation that was replaced before its last window was read.
// Its windows have their numbers already, so that they keep them however often they are printed.
struct Retirement {
    std::uint64_t to_ns = 0;
    Side active = Side::a;
    std::uint64_t sequence = 0; // of the window that was open on the active side
    // The window that was closed before, on the other side, and for which metrics it was pending.
    std::uint64_t pending_sequence = 0;
    std::uint64_t pending_to_ns = 0;
    std::uint64_t pending = 0;
    std::uint64_t doubled = 0;          // as in MonitorState
    std::vector<std::uint64_t> from_ns; // by metric
};

// A generation's directory. Knows the names of its pins; holds no descriptor.
class GenerationDir {
public:
    explicit GenerationDir(std::string path) : path_(std::move(path)) {}
    const std::string& path() const { return path_; }

    void write_record(const GenerationRecord& record) const;
    bool has_record() const; // false: an interrupted unload has begun to remove it
    GenerationRecord read_record() const;
    // Only this part of the record: without its manifest, whose parsing takes most of the time.
    std::vector<ProgramRecord> read_programs() const;
    void write_btf(const std::vector<std::byte>& bytes) const;
    BtfPtr read_btf(const GenerationRecord& record) const; // has every type that `record` names
    void write_retirement(const Retirement& retirement) const;
    std::optional<Retirement> read_retirement() const;

    std::string map_path(const MapRecord& map, Side side) const;
    std::string program_path(Direction direction, Side side) const;
    OpenedMap open_map(const MapRecord& map, Side side) const;
    OpenedMap try_open_map(const MapRecord& map, Side side) const; // empty: already read and gone
    void require_map_pin(const MapRecord& map, Side side) const;   // throws as open_map() without
    // Throws Error{busy} when it is not the one that was pinned there.
    Fd open_program(const ProgramRecord& program, Side side) const;
    // Throws as open_program() for those that are pinned.
    void require_own_programs(const std::vector<ProgramRecord>& programs) const;

private:
    std::string record_path() const { return path_ + "/dynmon-record"; }
    [[noreturn]] void throw_no_map_pin(const MapRecord& map, Side side) const;

    std::string path_;
};

// The program that is pinned at `path`. Throws Error{busy} when it is not the one of this id, which
// dynmon has pinned there.
Fd open_own_program(const std::string& path, std::uint32_t id);

// The maps of a generation, each opened at most once, for as long as this lives. Not thread-safe.
class GenerationMaps {
public:
    explicit GenerationMaps(GenerationDir dir) : dir_(std::move(dir)) {}
    const GenerationDir& dir() const { return dir_; }

    std::shared_ptr<const OpenedMap> open(const MapRecord& map, Side side);     // as open_map()
    std::shared_ptr<const OpenedMap> try_open(const MapRecord& map, Side side); // null: gone

private:
    // A map that is not swapped has one side.
    std::shared_ptr<const OpenedMap>& place_of(const MapRecord& map, Side side);

    GenerationDir dir_;
    std::map<std::pair<std::string, Side>, std::shared_ptr<const OpenedMap>> opened_;
};

std::optional<std::uint32_t> generation_number(std::string_view name); // of a folder "g1"
// Generations below a monitor's directory, oldest first; the last one is the current one.
std::vector<std::uint32_t> generation_numbers(const std::string& monitor_dir);
GenerationDir generation_dir(const std::string& monitor_dir, std::uint32_t number);

// The record of a generation as JSON, and back: only within what dynmon writes.

nlohmann::json to_json(const GenerationRecord& record);

// `path`: of the record's pin, which has to be that of its monitor and number. Throw Damaged, an
// exception of nlohmann::json, or Error{unsupported} for the record of another version.
GenerationRecord record_from(const nlohmann::json& document, const std::string& path);
std::vector<ProgramRecord> programs_from(const nlohmann::json& document, const std::string& path);

} // namespace dynmon
