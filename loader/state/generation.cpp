// SPDX-License-Identifier: BSD-2-Clause
#include "state/generation.hpp"

#include <cerrno>
#include <charconv>

#include "base/error.hpp"
#include "object/btf_check.hpp"
#include "state/bpffs.hpp"
#include "state/generation_record.hpp"
#include "state/json_pin.hpp"
#include "state/pin_cache.hpp"
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
        throw Error(ErrorKind::failed, "open pin " + map_path(map, side), ENOENT)
            .hint(
                "somebody has removed the pin: what was counted in it is lost; unload the monitor "
                "and load it again");
    return opened;
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

std::shared_ptr<const OpenedMap> GenerationMaps::open(const MapRecord& map, Side side) {
    auto& opened = opened_[{map.name, side}];
    if (!opened)
        opened = std::make_shared<const OpenedMap>(dir_.open_map(map, side));
    return opened;
}

std::shared_ptr<const OpenedMap> GenerationMaps::try_open(const MapRecord& map, Side side) {
    auto& opened = opened_[{map.name, side}];
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
            .hint("somebody has replaced the pin: whoever it was has to put it back");
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

std::vector<std::uint32_t> generation_numbers(const std::string& monitor_dir) {
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : list_directory(monitor_dir)) {
        std::uint32_t number = 0;
        const char* end = name.data() + name.size();
        if (name.size() > 1 && name[0] == 'g' &&
            std::from_chars(name.data() + 1, end, number).ptr == end)
            numbers.push_back(number);
    }
    for (const std::uint32_t one : numbers)
        require_directory(monitor_dir + "/g" + std::to_string(one));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

GenerationDir generation_dir(const std::string& monitor_dir, std::uint32_t number) {
    return GenerationDir(monitor_dir + "/g" + std::to_string(number));
}

} // namespace dynmon
