// SPDX-License-Identifier: BSD-2-Clause
#include "control/require_whole.hpp"

#include "control/chain_lookup.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

// Without one of these a running monitor can be neither read nor followed.
void require_pins(const GenerationDir& running) {
    const auto require = [](const std::string& path) {
        if (!exists(path))
            throw Damaged(path + " is not there any more");
    };
    require(running.path() + "/dynmon-record");
    for (const ProgramRecord& program : running.read_programs())
        for (std::size_t side = 0; side < program.slots.size(); ++side)
            require(running.program_path(program.direction, static_cast<Side>(side)));
}

} // namespace

void require_whole(const Store& store, const std::string& name) {
    const std::string dir = store.monitor_dir(name);
    require_directory(dir);
    for (const std::uint32_t number : generation_numbers(dir)) {
        const GenerationDir generation = generation_dir(dir, number);
        if (!generation.has_record())
            continue;
        const GenerationRecord record = generation.read_record();
        if (!exists(generation.path() + "/dynmon-btf"))
            throw Damaged(generation.path() + "/dynmon-btf is not there any more");
        generation.read_btf(record);
        generation.read_retirement();
        generation.require_own_programs(record.programs); // a foreign one would go with its pin
        for (const MapRecord& map : record.maps)
            for (const Side side : {Side::a, Side::b})
                generation.try_open_map(map, side);
    }
    if (!exists(dir + "/state") || StateMap(dir + "/state").read().phase != Phase::running)
        return; // a load or unload that was interrupted
    if (generation_numbers(dir).empty())
        throw Damaged(dir + " has lost its generation");
    require_pins(current_generation(store, name));
}

} // namespace dynmon
