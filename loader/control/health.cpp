// SPDX-License-Identifier: BSD-2-Clause
#include "control/health.hpp"

#include <functional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/chain_lookup.hpp"
#include "control/meter.hpp"
#include "control/status.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

bool is_in_chain(const Chain& chain, const ProgramRecord& program) {
    for (const ChainPlace& place : chain.order())
        if (chain.members()[place.member].program.ids == program.ids)
            return true;
    chain.require_whole(); // else it may well be behind
    return false;
}

std::vector<CountingPlace> places_of(const Store& store, const GenerationDir& dir,
                                     const std::vector<ProgramRecord>& programs,
                                     const std::function<bool(const ProgramRecord&)>& in_chain) {
    std::vector<CountingPlace> places;
    for (const ProgramRecord& program : programs) {
        CountingPlace place;
        place.direction = program.direction;
        place.hook = to_string(program.hook.point);
        place.netns = std::to_string(program.hook.netns);
        try {
            if (exists(store.hook_dir(program.hook))) {
                const HookRecord hook = read_hook_record(store, program.hook);
                place.device = hook.device;
                if (!hook.netns.empty())
                    place.netns = hook.netns;
            }
            const ProgramHealth health =
                program_health(store, dir, program, running_state, in_chain(program));
            place.attached = health.counting;
            place.health = health.word;
            place.problem = health.problem;
        } catch (const Error& error) {
            log::debug(std::string("cannot find out whether it counts: ") + error.what());
        }
        places.push_back(std::move(place));
    }
    return places;
}

} // namespace

ProgramHealth program_health(const Store& store, const GenerationDir& dir,
                             const ProgramRecord& program, const LookAtHook& look, bool in_chain) {
    if (!exists(store.hook_dir(program.hook)) || !is_made_for_device(store, program))
        return {to_string(HookHealth::defunct), "", false};
    if (!is_made_for_hook(store, program))
        return {to_string(HookHealth::detached), "its hook was made again, for other monitors",
                false};
    const HookState state = look(store, program.hook);
    if (state.health == HookHealth::attached && !in_chain)
        return {"interrupted", "", false};
    if (const auto out = read_taken_out(dir, program); out && is_counting(state.health))
        return {over_limit, limit_text(*out, program.limit_ns), false};
    return {to_string(state.health), state.problem, is_counting(state.health)};
}

std::vector<CountingPlace> counting_places(const Store& store, const GenerationDir& dir,
                                           const std::vector<ProgramRecord>& programs) {
    return places_of(store, dir, programs, [](const ProgramRecord&) { return true; });
}

std::vector<CountingPlace> counting_places_in_chains(const Store& store, const GenerationDir& dir,
                                                     const std::vector<ProgramRecord>& programs) {
    return places_of(store, dir, programs, [&](const ProgramRecord& program) {
        return exists(store.hook_dir(program.hook)) &&
               is_in_chain(open_chain_of(store, program.hook), program);
    });
}

std::map<std::string, std::vector<CountingPlace>> counting_places_of_all(const Settings& settings) {
    std::map<std::string, std::vector<CountingPlace>> places;
    const Store store = settings.open_store(false);
    const auto lock = store.try_lock(DirectoryLock::Mode::shared);
    if (!lock)
        return places;
    ChainsOfStore chains(store);
    for (const std::string& monitor : store.monitors()) {
        try {
            const GenerationDir dir = current_generation(store, monitor);
            places[monitor] =
                places_of(store, dir, dir.read_programs(), [&](const ProgramRecord& program) {
                    return exists(store.hook_dir(program.hook)) &&
                           is_in_chain(chains.at(program.hook), program);
                });
        } catch (const Error& error) { // its read says so
            log::debug("monitor '" + monitor + "': " + error.what());
        }
    }
    return places;
}

std::vector<CountingPlace> counting_places(const Settings& settings, const std::string& monitor) {
    const Store store = settings.open_store(false);
    const auto lock = store.try_lock(DirectoryLock::Mode::shared);
    if (!lock || !exists(store.monitor_dir(monitor)))
        return {};
    const GenerationDir dir = current_generation(store, monitor);
    return counting_places_in_chains(store, dir, dir.read_programs());
}

} // namespace dynmon
