// SPDX-License-Identifier: BSD-2-Clause
#include "state/generation_record.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/limits.hpp"
#include "base/printable.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

using nlohmann::json;

namespace {

constexpr int record_version = 1;
constexpr std::size_t longest_build = 64; // of a name that somebody else may have written

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
