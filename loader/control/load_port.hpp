// SPDX-License-Identifier: BSD-2-Clause
// The steps that only a load or a replace has: hooks are made, programs are loaded and pinned.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "control/build.hpp"
#include "control/store_port.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

class LoadPort : public StorePort {
public:
    // `netns`: where hooks are made and attached. Not owned.
    LoadPort(const Store& store, const DirectoryLock* lock, Scope own, const NetNs& netns)
        : StorePort(store, lock, std::move(own)), netns_(netns) {}

    // What LoadPrograms is to load. Not owned.
    void will_load(const GenerationPlan& plan) { plan_ = &plan; }
    // What was loaded; null: nothing, as in a dry run.
    const LoadedGeneration* loaded() const { return loaded_ ? &*loaded_ : nullptr; }

    void run(const Action& action) override;

private:
    void load();
    void pin_part(const PinPart& part) const;
    void make_totals_in(const std::string& folder) const;

    const NetNs& netns_;
    const GenerationPlan* plan_ = nullptr;
    std::optional<LoadedGeneration> loaded_;
    std::map<std::string, const Fd*> parts_; // of what is loaded, by the name of its pin
};

// Loads `plan` as a step of the session.
NewGeneration load_new(Session& session, LoadPort& port, const GenerationPlan& plan);

} // namespace dynmon
