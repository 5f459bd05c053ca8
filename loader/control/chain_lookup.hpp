// SPDX-License-Identifier: BSD-2-Clause
// Which monitor is where: the generations of all monitors, by hook.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "control/snapshot.hpp"
#include "hook/chain.hpp"
#include "state/generation.hpp"
#include "state/store.hpp"

namespace dynmon {

// The hook that stands there now is the one that the program was loaded for. A device that was
// deleted and made again may have the same number, and a hook of its own: programs of the old one
// call the slots of a chain that is gone. The hook must exist.
bool is_made_for_hook(const Store& store, const ProgramRecord& program);
// Whether it ran on the device that is there now, by this hook or one before it.
bool is_made_for_device(const Store& store, const ProgramRecord& program);

// The error is about a record that is damaged or of another version, and no fault of the system.
bool is_about_record(const Error& error);

// The chain at `hook`, read now.
Chain open_chain_of(const Store& store, const HookId& hook);

// Pictures of the chains of a store that stays locked meanwhile: the monitors are looked through
// once, and each chain is read once, however often it is asked for. Holds no descriptors of chains.
// Not thread-safe.
class ChainsOfStore {
public:
    explicit ChainsOfStore(const Store& store);
    const Chain& at(const HookId& hook); // throws as open_chain_of()

private:
    const Store& store_;
    std::optional<StoreSnapshot> found_;
    std::optional<Error> fault_; // why not all monitors could be looked through
    std::map<HookId, Chain> chains_;
};

// The current generation of a monitor; throws Error{failed} when its directory holds none.
GenerationDir current_generation(const Store& store, const std::string& monitor);
std::vector<GenerationDir> retired_generations(const Store& store, const std::string& monitor);

} // namespace dynmon
