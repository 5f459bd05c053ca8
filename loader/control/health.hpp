// SPDX-License-Identifier: BSD-2-Clause
// Whether packets reach a monitor: one look for `status`, `doctor` and all readers.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/settings.hpp"
#include "format/exporter.hpp"
#include "hook/hook.hpp"
#include "state/generation.hpp"
#include "state/store.hpp"

namespace dynmon {

struct ProgramHealth {
    std::string word;    // "interrupted", "over-limit", or as to_string(HookHealth)
    std::string problem; // "" or a sentence with the numbers
    bool counting = false;
};

using LookAtHook = std::function<HookState(const Store&, const HookId&)>;

// The health of a program of the generation in `dir`. `look`: hook_state, or running_state in a
// hurry. `in_chain`: the chain of its hook leads to it.
ProgramHealth program_health(const Store& store, const GenerationDir& dir,
                             const ProgramRecord& program, const LookAtHook& look, bool in_chain);

// Where the programs count, as far as the caller may look. Their chains are not looked at: a
// reader has just put its own programs back.
std::vector<CountingPlace> counting_places(const Store& store, const GenerationDir& dir,
                                           const std::vector<ProgramRecord>& programs);

// Likewise, with a look at the chains. The store must be locked.
std::vector<CountingPlace> counting_places_in_chains(const Store& store, const GenerationDir& dir,
                                                     const std::vector<ProgramRecord>& programs);
// Those of all monitors that can be looked at, each chain read once: what one alone costs grows
// with the number of monitors. Locks the store meanwhile.
std::map<std::string, std::vector<CountingPlace>> counting_places_of_all(const Settings& settings);
// Those of a monitor, by its name. Empty when it is not loaded any more.
std::vector<CountingPlace> counting_places(const Settings& settings, const std::string& monitor);

} // namespace dynmon
