// SPDX-License-Identifier: BSD-2-Clause
#include "state/generation.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "kernel/own_pin.hpp"
#include "object/btf_check.hpp"
#include "object/object.hpp"
#include "state/bpffs.hpp"
#include "state/json_pin.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

const char* side_suffix(Side side) {
    return side == Side::a ? "-a" : "-b";
}

} // namespace

void GenerationDir::write_record(const GenerationRecord& record) const {
    pin_json(record_path(), to_json(record));
}

bool GenerationDir::has_record() const {
    return exists(record_path());
}

GenerationRecord GenerationDir::read_record() const {
    static PinCache<GenerationRecord> known;
    return *known.get(record_path(), [&] {
        return from_pinned_json(record_path(), [&](const nlohmann::json& document) {
            return record_from(document, record_path());
        });
    });
}

std::vector<ProgramRecord> GenerationDir::read_programs() const {
    static PinCache<std::vector<ProgramRecord>> known;
    return *known.get(record_path(), [&] {
        return from_pinned_json(record_path(), [&](const nlohmann::json& document) {
            return programs_from(document, record_path());
        });
    });
}

void GenerationDir::write_btf(const std::vector<std::byte>& bytes) const {
    pin_bytes(path_ + "/dynmon-btf", bytes);
}

BtfPtr GenerationDir::read_btf(const GenerationRecord& record) const {
    const std::string path = path_ + "/dynmon-btf";
    const std::vector<std::byte> bytes = read_pinned_bytes(path);
    try {
        check_btf(bytes);
    } catch (const Error& error) {
        throw Damaged(path, error);
    }
    BtfPtr types(btf__new(bytes.data(), static_cast<__u32>(bytes.size())));
    if (!types)
        throw Damaged(path + " is damaged", errno);
    const std::uint32_t count = btf__type_cnt(types.get());
    for (const MapRecord& map : record.maps)
        if (map.key_type_id >= count || map.value_type_id >= count)
            throw Damaged(record_path() + " is damaged: map '" + map.name + "' has a type that " +
                          path + " does not have");
    return types;
}

void GenerationDir::write_retirement(const Retirement& retirement) const {
    pin_json(path_ + "/dynmon-retired", {{"to-ns", retirement.to_ns},
                                         {"active", static_cast<int>(retirement.active)},
                                         {"sequence", retirement.sequence},
                                         {"pending-sequence", retirement.pending_sequence},
                                         {"pending-to-ns", retirement.pending_to_ns},
                                         {"pending", retirement.pending},
                                         {"doubled", retirement.doubled},
                                         {"from-ns", retirement.from_ns}});
}

std::optional<Retirement> GenerationDir::read_retirement() const {
    const std::string path = path_ + "/dynmon-retired";
    if (!exists(path))
        return std::nullopt;
    const auto retirement = from_pinned_json(path, [](const nlohmann::json& document) {
        return Retirement{.to_ns = document.at("to-ns"),
                          .active = document.at("active") == 1 ? Side::b : Side::a,
                          .sequence = document.at("sequence"),
                          .pending_sequence = document.at("pending-sequence"),
                          .pending_to_ns = document.at("pending-to-ns"),
                          .pending = document.at("pending"),
                          .doubled = document.value("doubled", std::uint64_t{0}),
                          .from_ns = document.at("from-ns").get<std::vector<std::uint64_t>>()};
    });
    if (retirement.from_ns.size() != most_metrics)
        throw Damaged(path + " is damaged: it has no begin for each metric");
    return retirement;
}

std::string GenerationDir::map_path(const MapRecord& map, Side side) const {
    return path_ + "/" + pin_name(map.name) + (map.swapped ? side_suffix(side) : "");
}

std::string GenerationDir::program_path(Direction direction, Side side) const {
    return path_ + "/prog-" + to_string(direction) + side_suffix(side);
}

OpenedMap GenerationDir::open_map(const MapRecord& map, Side side) const {
    OpenedMap opened = try_open_map(map, side);
    if (!opened.fd)
        throw_no_map_pin(map, side);
    return opened;
}

void GenerationDir::require_map_pin(const MapRecord& map, Side side) const {
    if (!exists(map_path(map, side)))
        throw_no_map_pin(map, side);
}

void GenerationDir::throw_no_map_pin(const MapRecord& map, Side side) const {
    throw Error(ErrorKind::failed, "open pin " + map_path(map, side), ENOENT)
        .hint("another process has removed the pin: what was counted in it is lost; unload the "
              "monitor and load it again");
}

OpenedMap GenerationDir::try_open_map(const MapRecord& map, Side side) const {
    const std::string path = map_path(map, side);
    OpenedMap opened{try_open_own(path, "bpf-map"), {}};
    if (!opened.fd)
        return opened;
    opened.facts = map_facts(opened.fd);
    if (const MapType type = opened.facts.type; type != map.type)
        throw Damaged(path + " is a map of type " + std::to_string(type) + ", not " +
                      std::to_string(map.type) + " as the record says");
    return opened;
}

std::shared_ptr<const OpenedMap>& GenerationMaps::place_of(const MapRecord& map, Side side) {
    return opened_[{map.name, map.swapped ? side : Side::a}];
}

std::shared_ptr<const OpenedMap> GenerationMaps::open(const MapRecord& map, Side side) {
    auto& opened = place_of(map, side);
    if (!opened)
        opened = std::make_shared<const OpenedMap>(dir_.open_map(map, side));
    return opened;
}

std::shared_ptr<const OpenedMap> GenerationMaps::try_open(const MapRecord& map, Side side) {
    auto& opened = place_of(map, side);
    if (opened)
        return opened;
    OpenedMap found = dir_.try_open_map(map, side);
    if (found.fd)
        opened = std::make_shared<const OpenedMap>(std::move(found));
    return opened;
}

Fd open_own_program(const std::string& path, std::uint32_t id) {
    Fd fd = open_own(path, "bpf-prog");
    if (const ProgramFacts facts = program_facts(fd); facts.id != id)
        throw Error(ErrorKind::busy, path + " is program " + facts.name + " (id " +
                                         std::to_string(facts.id) + "), and dynmon had pinned id " +
                                         std::to_string(id))
            .hint("another process has replaced the pin: put the original back");
    return fd;
}

Fd GenerationDir::open_program(const ProgramRecord& program, Side side) const {
    return open_own_program(program_path(program.direction, side),
                            program.ids.at(static_cast<std::size_t>(side)));
}

void GenerationDir::require_own_programs(const std::vector<ProgramRecord>& programs) const {
    for (const ProgramRecord& program : programs)
        for (std::size_t side = 0; side < program.slots.size(); ++side)
            if (exists(program_path(program.direction, static_cast<Side>(side))))
                open_program(program, static_cast<Side>(side));
}

std::optional<std::uint32_t> generation_number(std::string_view name) {
    std::uint32_t number = 0;
    const char* const end = name.data() + name.size();
    if (name.size() < 2 || name[0] != 'g' ||
        std::from_chars(name.data() + 1, end, number).ptr != end)
        return std::nullopt;
    return number;
}

std::vector<std::uint32_t> generation_numbers(const std::string& monitor_dir) {
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : list_directory(monitor_dir)) {
        if (const auto number = generation_number(name))
            numbers.push_back(*number);
    }
    for (const std::uint32_t one : numbers)
        require_directory(monitor_dir + "/g" + std::to_string(one));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

GenerationDir generation_dir(const std::string& monitor_dir, std::uint32_t number) {
    return GenerationDir(monitor_dir + "/g" + std::to_string(number));
}

using nlohmann::json;

namespace {

constexpr int record_version = 1;
constexpr std::size_t longest_build = 64; // of a name that another program may have written

Direction direction_from(const std::string& text) {
    return text == "egress" ? Direction::egress : Direction::ingress;
}

json to_json(const ProgramRecord& program) {
    return {{"direction", to_string(program.direction)},
            {"name", program.name},
            {"hook", hook_dir_name(program.hook)},
            {"hand-over", program.hand_over},
            {"slots", program.slots},
            {"ids", program.ids},
            {"limit-ns", program.limit_ns}};
}

// What a record says is only believed within what dynmon writes: its slots are written to, and its
// names lead to pins.
void check_program(const ProgramRecord& program, const std::string& path) {
    const auto is_slot = [](std::uint32_t slot) { return slot > 0 && slot < limits::chain_slots; };
    if (program.slots.empty() || program.slots.size() > 2 ||
        program.ids.size() != program.slots.size() ||
        !std::all_of(program.slots.begin(), program.slots.end(), is_slot))
        throw Damaged(path + " is damaged: program '" + program.name + "' has impossible slots");
}

bool is_map_name(std::string_view name) {
    return !name.empty() && name.size() <= 127 &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '_' || c == '.';
           });
}

void check_record(const GenerationRecord& record, const std::string& path) {
    std::set<std::string> names;
    for (const MapRecord& map : record.maps)
        if (!is_map_name(map.name) || !names.insert(map.name).second)
            throw Damaged(path + " is damaged: a map cannot be called '" + map.name + "'");
    std::set<Direction> directions;
    for (const ProgramRecord& program : record.programs)
        if (!directions.insert(program.direction).second)
            throw Damaged(path + " is damaged: two programs of one direction");
    if (record.programs.empty())
        throw Damaged(path + " is damaged: it has no programs");
    // .../monitors/NAME/gN/dynmon-record; while it is staged, NAME is another one
    const std::filesystem::path folder =
        std::filesystem::absolute(path).lexically_normal().parent_path();
    if (folder.filename() != "g" + std::to_string(record.number))
        throw Damaged(path + " is damaged: it is the record of generation " +
                      std::to_string(record.number));
    if (folder.parent_path().filename() != record.monitor)
        throw Damaged(path + " is damaged: it is the record of monitor '" + record.monitor + "'");
}

ProgramRecord program_from(const json& document, const std::string& path) {
    ProgramRecord program;
    program.direction = direction_from(document.at("direction"));
    program.name = document.at("name");
    const auto hook = parse_hook_dir_name(document.at("hook").get<std::string>());
    if (!hook)
        throw Damaged(path + " is damaged: it names no valid hook");
    program.hook = *hook;
    program.hand_over = document.at("hand-over");
    program.slots = document.at("slots").get<std::vector<std::uint32_t>>();
    program.ids = document.at("ids").get<std::vector<std::uint32_t>>();
    program.limit_ns = document.value("limit-ns", std::uint64_t{0}); // older records have none
    check_program(program, path);
    return program;
}

json to_json(const MapRecord& map) {
    return {{"name", map.name},
            {"type", map.type},
            {"swapped", map.swapped},
            {"key-type-id", map.key_type_id},
            {"value-type-id", map.value_type_id}};
}

MapRecord map_from(const json& document) {
    return {.name = document.at("name"),
            .type = document.at("type").get<MapType>(),
            .swapped = document.at("swapped"),
            .key_type_id = document.at("key-type-id"),
            .value_type_id = document.at("value-type-id")};
}

Manifest manifest_from(const json& document, const std::string& path) {
    try {
        return require_manifest(json_text(document), path);
    } catch (const Error& error) {
        throw Damaged(path, error);
    }
}

void check_version(const json& document, const std::string& path) {
    if (document.at("version") == record_version)
        return;
    const auto build = document.find("build");
    throw Error(ErrorKind::unsupported,
                path + " was written by another version of dynmon" +
                    (build != document.end() && build->is_string()
                         ? ", " + printable_line(build->get<std::string>(), longest_build)
                         : "") +
                    "; this one is " + build_name())
        .hint("read or unload the monitor with the version that loaded it");
}

} // namespace

std::optional<Side> ProgramRecord::side_of(std::uint32_t program_id) const {
    for (std::size_t side = 0; side < ids.size(); ++side)
        if (ids[side] == program_id)
            return static_cast<Side>(side);
    return std::nullopt;
}

bool GenerationRecord::swaps() const {
    return std::any_of(maps.begin(), maps.end(), [](const MapRecord& map) { return map.swapped; });
}

const MapRecord* GenerationRecord::map(std::string_view name) const {
    const auto found = std::find_if(maps.begin(), maps.end(),
                                    [&](const MapRecord& map) { return map.name == name; });
    return found == maps.end() ? nullptr : &*found;
}

json to_json(const GenerationRecord& record) {
    json programs = json::array();
    for (const ProgramRecord& program : record.programs)
        programs.push_back(to_json(program));
    json maps = json::array();
    for (const MapRecord& map : record.maps)
        maps.push_back(to_json(map));
    return {{"version", record_version},
            {"build", build_name()},
            {"number", record.number},
            {"created-ns", record.created_ns},
            {"monitor", record.monitor},
            {"object", record.object_path},
            {"sha256", record.sha256},
            {"manifest", json::parse(manifest_to_json(record.manifest))},
            {"parameters", record.parameters},
            {"clock", to_string(record.clock)},
            {"initial-side", static_cast<int>(record.initial_side)},
            {"programs", programs},
            {"maps", maps}};
}

std::vector<ProgramRecord> programs_from(const json& document, const std::string& path) {
    check_version(document, path);
    std::vector<ProgramRecord> programs;
    for (const json& program : document.at("programs"))
        programs.push_back(program_from(program, path));
    return programs;
}

GenerationRecord record_from(const json& document, const std::string& path) {
    check_version(document, path);
    GenerationRecord record;
    record.number = document.at("number");
    record.created_ns = document.at("created-ns");
    record.monitor = document.at("monitor");
    record.object_path = document.at("object");
    record.sha256 = document.at("sha256");
    record.manifest = manifest_from(document.at("manifest"), path);
    record.parameters = document.at("parameters").get<std::map<std::string, std::string>>();
    record.clock = clock_source_from(document.at("clock"));
    record.initial_side = document.at("initial-side") == 1 ? Side::b : Side::a;
    record.programs = programs_from(document, path);
    for (const json& map : document.at("maps"))
        record.maps.push_back(map_from(map));
    check_record(record, path);
    return record;
}

} // namespace dynmon
