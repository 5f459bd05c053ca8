// SPDX-License-Identifier: BSD-2-Clause
#include "control/load_port.hpp"

#include "control/window.hpp"
#include "control/window_writer.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

namespace {

std::string name_of(const std::string& path) {
    return path.substr(path.find_last_of('/') + 1);
}

// Ids that the kernel has not given yet, for a dry run: above all that it has.
void number(GenerationRecord& record) {
    std::uint32_t id = std::uint32_t{1} << 31;
    for (ProgramRecord& program : record.programs)
        for (std::size_t side = 0; side < program.slots.size(); ++side)
            program.ids.push_back(id++);
}

} // namespace

void LoadPort::load() {
    loaded_ = load_generation(*plan_);
    const GenerationDir dir("");
    for (std::size_t i = 0; i < loaded_->programs.size(); ++i)
        for (std::size_t side = 0; side < loaded_->programs[i].size(); ++side)
            parts_[name_of(
                dir.program_path(loaded_->record.programs[i].direction, static_cast<Side>(side)))] =
                &loaded_->programs[i][side];
    for (const MapRecord& map : loaded_->record.maps)
        for (const Side side : {Side::a, Side::b})
            if (const auto found = loaded_->maps.find({map.name, side});
                found != loaded_->maps.end())
                parts_[name_of(dir.map_path(map, side))] = &found->second;
}

void LoadPort::pin_part(const PinPart& part) const {
    const std::string name = name_of(part.path);
    const GenerationDir dir(part.path.substr(0, part.path.find_last_of('/')));
    const GenerationRecord& record = loaded_.value().record;
    if (name == "dynmon-record")
        return dir.write_record(record);
    if (name == "dynmon-btf")
        return dir.write_btf(loaded_->btf);
    pin(*parts_.at(name), part.path);
}

// A record that is staged cannot be read: its path does not say whose it is.
void LoadPort::make_totals_in(const std::string& folder) const {
    const GenerationDir dir = generation_dir(folder, loaded_->record.number);
    make_totals(folder, metric_sources(dir, loaded_->record));
}

void LoadPort::run(const Action& action) {
    if (const auto* make = std::get_if<MakeHook>(&action))
        make_hook(store(), lock(), netns_, make->request);
    else if (const auto* attach = std::get_if<AttachAgain>(&action))
        attach_again(store(), lock(), netns_, attach->hook, attach->tc_priority);
    else if (std::holds_alternative<LoadPrograms>(action))
        load();
    else if (const auto* part = std::get_if<PinPart>(&action))
        pin_part(*part);
    else if (const auto* totals = std::get_if<MakeTotals>(&action); totals && loaded_)
        make_totals_in(totals->folder);
    else
        StorePort::run(action);
}

NewGeneration load_new(Session& session, LoadPort& port, const GenerationPlan& plan) {
    port.will_load(plan);
    session.carry_out([&](Planner& planner) {
        planner.add(LoadPrograms{plan.monitor, plan.number});
    });
    GenerationRecord record;
    if (port.loaded() != nullptr) {
        record = port.loaded()->record;
    } else {
        record = planned_record(plan);
        number(record);
    }
    NewGeneration made{.monitor = plan.monitor,
                       .number = plan.number,
                       .initial_side = plan.initial_side,
                       .programs = record.programs};
    const GenerationDir dir("");
    made.pins["dynmon-btf"] = ObjectPin{};
    for (const ProgramRecord& program : record.programs)
        for (std::size_t side = 0; side < program.slots.size(); ++side)
            made.pins[name_of(dir.program_path(program.direction, static_cast<Side>(side)))] =
                ProgramPin{};
    for (const MapRecord& map : record.maps)
        for (const Side side : {Side::a, Side::b})
            if (side == Side::a || map.swapped) {
                const auto carried = plan.carried.find({map.name, side});
                made.pins[name_of(dir.map_path(map, side))] = MapPin{
                    carried == plan.carried.end() ? 0 : map_facts(carried->second).id, false};
            }
    return made;
}

} // namespace dynmon
