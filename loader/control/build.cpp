// SPDX-License-Identifier: BSD-2-Clause
#include "control/build.hpp"

#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "btf/layout.hpp"
#include "btf/map_limits.hpp"
#include "control/chain_lookup.hpp"
#include "control/meter.hpp"
#include "kernel/own_pin.hpp"
#include "policy/helpers.hpp"
#include "policy/rules.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

template <typename Value>
RodataValue reserved_global(const char* name, Value value) {
    RodataValue global{name, std::vector<std::byte>(sizeof value), true};
    std::memcpy(global.bytes.data(), &value, sizeof value);
    return global;
}

std::vector<RodataValue> rodata_of(const GenerationPlan& plan,
                                   const std::vector<GlobalValue>& parameters,
                                   const ProgramPlan& program, std::size_t side) {
    std::vector<RodataValue> values;
    for (const GlobalValue& parameter : parameters)
        values.push_back({parameter.name, parameter.bytes, false});
    values.push_back(reserved_global("dynmon_slot", program.slots.at(side)));
    values.push_back(reserved_global("dynmon_may_drop", plan.probe->manifest.may_drop()));
    values.push_back(
        reserved_global("dynmon_clock_source", static_cast<std::uint32_t>(plan.clock)));
    values.push_back(
        reserved_global("dynmon_link", static_cast<std::uint32_t>(program.raw_ip ? 1 : 0)));
    values.push_back(reserved_global("dynmon_mtu", program.mtu));
    values.push_back(reserved_global("dynmon_limit", plan.limit_ns));
    values.push_back(reserved_global(frags_global_name.data(), program.frags));
    return values;
}

std::vector<MapRecord> map_records(const Probe& probe, const std::vector<MapShape>& shapes) {
    const std::set<std::string> swapped = probe.manifest.swapped_maps();
    std::vector<MapRecord> records;
    for (const MapInfo& declared : probe.object.maps()) {
        const MapInfo map = shaped(declared, shapes);
        if (map.name == chain_map_name || map.name.starts_with(".rodata"))
            continue; // the hook's, and one per instance
        records.push_back({.name = map.name,
                           .type = map.type,
                           .swapped = swapped.contains(map.name),
                           .key_type_id = map.key_type_id,
                           .value_type_id = map.value_type_id});
    }
    return records;
}

Side storage_side(bool swapped, std::size_t side) {
    return swapped ? static_cast<Side>(side) : Side::a;
}

// The maps that this instance is to use: the hook's chain, those carried over from the generation
// before, and those that an earlier instance of this generation has made.
std::map<std::string, const Fd*> given_maps(const GenerationPlan& plan,
                                            const LoadedGeneration& generation,
                                            const ProgramPlan& program, std::size_t side) {
    std::map<std::string, const Fd*> given;
    if (program.chain)
        given[std::string(chain_map_name)] = &program.chain;
    for (const MapRecord& map : generation.record.maps) {
        const MapSide key{map.name, storage_side(map.swapped, side)};
        if (const auto carried = plan.carried.find(key); carried != plan.carried.end())
            given[map.name] = &carried->second;
        else if (const auto made = generation.maps.find(key); made != generation.maps.end())
            given[map.name] = &made->second;
    }
    return given;
}

// What the loader reads and writes of a program, as dynmon.h has it: the kernel copies whole
// values.
void require_own_sizes(const LoadedGeneration& generation) {
    const std::pair<std::string_view, std::size_t> sizes[] = {
        {clock_map_name, sizeof(std::int64_t)},
        {meter_switch_name, sizeof(std::uint64_t)},
        {limit_map_name, 2 * sizeof(TakenOut)}};
    for (const auto& [name, size] : sizes)
        if (const auto map = generation.maps.find({std::string(name), Side::a});
            map != generation.maps.end())
            require_value_size(map_facts(map->second), name, size);
}

// Both sides run the same instructions.
InstructionBound bound_of(const GenerationPlan& plan, const ProgramPlan& program,
                          const std::vector<MapShape>& shapes, const InstanceSpec& spec,
                          const Instance& instance) {
    const Instructions instructions(plan.probe->object, *program.program,
                                    plan.probe->manifest.may_drop());
    InstructionBound bound = instructions.at_most(shapes, std::nullopt);
    if (bound.unrolled)
        bound = instructions.at_most(shapes, instance.walked != 0 ? instance.walked
                                                                  : walked_by_verifier(spec));
    require_instructions(program.program->name, bound, plan.most_instructions);
    return bound;
}

void load_instances(const GenerationPlan& plan, const std::vector<GlobalValue>& parameters,
                    const std::vector<MapShape>& shapes, LoadedGeneration& generation) {
    const KernelBtf kernel_btf = KernelBtf::read(plan.kernel_btf);
    std::vector<std::string> names;
    for (const ProgramPlan& program : plan.programs)
        names.push_back(program.program->name);
    dry_run_load(plan.probe->object, names, kernel_btf);
    const std::set<std::string> swapped = plan.probe->manifest.swapped_maps();
    for (std::size_t side = 0; side < side_count(plan.probe->manifest); ++side) {
        for (std::size_t i = 0; i < plan.programs.size(); ++i) {
            const ProgramPlan& program = plan.programs[i];
            const InstanceSpec spec{.object = &plan.probe->object,
                                    .program = program.program->name,
                                    .rodata = rodata_of(plan, parameters, program, side),
                                    .shapes = shapes,
                                    .given_maps = given_maps(plan, generation, program, side),
                                    .kernel_btf = kernel_btf.path(),
                                    .frags = program.frags};
            Instance instance = load_instance(spec);
            if (side == 0)
                generation.bounds.push_back(
                    {spec.program, bound_of(plan, program, shapes, spec, instance)});
            generation.record.programs[i].ids.push_back(instance.program_id);
            generation.programs[i].push_back(std::move(instance.program));
            for (auto& [name, map] : instance.maps)
                generation.maps.emplace(MapSide{name, storage_side(swapped.contains(name), side)},
                                        std::move(map));
        }
    }
}

} // namespace

std::size_t side_count(const Manifest& manifest) {
    return manifest.swapped_maps().empty() ? 1 : 2;
}

GenerationRecord planned_record(const GenerationPlan& plan) {
    const Probe& probe = *plan.probe;
    require_permitted(probe.object);
    for (const ProgramPlan& program : plan.programs)
        require_policy(probe.manifest, probe.object, *program.program);
    for (const ProgramPlan& program : plan.programs)
        require_limited(*program.program, plan.limit_ns);
    for (const ProgramPlan& program : plan.programs)
        if (const std::string problem = alignment_problem(probe.object, *program.program);
            !problem.empty())
            throw Error(ErrorKind::rejected, problem).hint(alignment_hint);
    const std::vector<GlobalValue> parameters =
        resolve_parameters(probe.manifest, probe.object, plan.assignments);
    const std::vector<MapShape> shapes = resolve_maps(probe.manifest, probe.object, parameters);
    for (const MapInfo& map : probe.object.maps()) // as --set makes them
        if (const std::string fault = map_fault(shaped(map, shapes)); !fault.empty())
            throw Error(ErrorKind::usage, "map '" + map.name + "' " + fault).hint(map_fault_hint);

    GenerationRecord record;
    record.number = plan.number;
    record.created_ns = epoch_ns();
    record.monitor = plan.monitor;
    record.object_path = probe.object.path();
    record.sha256 = probe.object.sha256();
    record.manifest = probe.manifest;
    for (const GlobalValue& parameter : parameters)
        record.parameters[parameter.name] = parameter.text;
    record.clock = plan.clock;
    record.initial_side = plan.initial_side;
    record.maps = map_records(probe, shapes);
    for (const ProgramPlan& program : plan.programs)
        record.programs.push_back({.direction = program.direction,
                                   .name = program.program->name,
                                   .hook = program.hook,
                                   .hand_over = program.program->hand_over,
                                   .slots = program.slots,
                                   .ids = {},
                                   .limit_ns = plan.limit_ns});
    return record;
}

LoadedGeneration load_generation(const GenerationPlan& plan) {
    const Probe& probe = *plan.probe;
    LoadedGeneration generation;
    generation.record = planned_record(plan);
    const std::vector<GlobalValue> parameters =
        resolve_parameters(probe.manifest, probe.object, plan.assignments);
    const std::vector<MapShape> shapes = resolve_maps(probe.manifest, probe.object, parameters);
    generation.programs.resize(plan.programs.size());
    generation.btf = probe.object.btf_bytes();
    load_instances(plan, parameters, shapes, generation);
    for (const auto& [key, map] : plan.carried)
        generation.maps.emplace(key, duplicate(map.get()));
    require_own_sizes(generation);
    const auto clock = generation.maps.find({std::string(clock_map_name), Side::a});
    if (clock != generation.maps.end())
        refresh_clock(clock->second, map_facts(clock->second), plan.clock);
    return generation;
}

void refresh_clock(const Fd& clock_map, const MapFacts& facts, ClockSource source) {
    constexpr std::int64_t noise_ns = 1000; // of reading two clocks one after the other
    const std::uint32_t key = 0;
    std::int64_t before = 0;
    require_value_size(facts, clock_map_name, sizeof before);
    lookup_element(clock_map, &key, &before);
    const std::int64_t base = clock_base_ns(source);
    if (base - before > noise_ns || before - base > noise_ns)
        update_element(clock_map, &key, &base);
}

namespace {

const MapRecord* find_map(const GenerationRecord& record, const std::string& name) {
    if (const MapRecord* map = record.map(name))
        return map;
    for (const PathConfig& path : record.manifest.paths)
        for (const MetricConfig& metric : path.metrics)
            if (metric.name == name)
                return record.map(metric.map_name);
    return nullptr;
}

} // namespace

std::string map_pin(const Store& store, const std::string& monitor, const std::string& name) {
    store.require_monitor(monitor);
    const GenerationDir dir = current_generation(store, monitor);
    const GenerationRecord record = dir.read_record();
    const MapRecord* map = find_map(record, name);
    if (map == nullptr) {
        std::vector<std::string> known;
        std::string list;
        for (const MapRecord& other : record.maps) {
            known.push_back(other.name);
            list += (list.empty() ? "" : ", ") + other.name;
        }
        const std::string near = nearest_name(name, known);
        throw Error(ErrorKind::usage, "monitor '" + monitor + "' has no map '" + name + "'")
            .hint(near.empty() ? "its maps: " + list : "did you mean '" + near + "'?");
    }
    const Side side = map->swapped
                          ? StateMap(store.monitor_dir(monitor) + "/state").read().active_side()
                          : Side::a;
    return dir.map_path(*map, side);
}

} // namespace dynmon
