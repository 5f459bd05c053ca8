// SPDX-License-Identifier: BSD-2-Clause
// Is everything here that dynmon needs, and is what it left in order? Looks, and changes nothing.
#pragma once

#include <string>
#include <vector>

#include "control/settings.hpp"
#include "control/status.hpp"
#include "kernel/features.hpp"
#include "kernel/machine.hpp"

namespace dynmon {

struct SystemProblem {
    std::string problem; // what is wrong
    std::string remedy;  // one sentence: what to do
    bool ill = true;     // false: dynmon still works
};

struct FoundFeature {
    const Feature* feature;
    Support support;
};

enum class StoreState { absent, ours, refused }; // refused: not safe to use, or not ours to look at

struct StoreFindings {
    std::string path;
    StoreState state = StoreState::absent;
    Status contents;
    std::vector<std::string> staged; // left by killed loaders: "monitors/__stage_12_1"
};

struct SystemReport {
    KernelFacts kernel;
    std::vector<FoundFeature> features;
    bool fence_is_membarrier = false;
    ProcessFacts process;
    Restrictions restrictions;
    BpffsFacts bpffs;
    StoreFindings store;
    std::vector<SystemProblem> ailments;
};

// Works without any right as far as it can: what it could not find out is `unknown` or empty.
SystemReport examine(const Settings& settings);

// From what an examination found to what is wrong with it. Pure.

// In the order of the examination; empty: all is well.
std::vector<SystemProblem> diagnose(const SystemReport& found);
// What is wrong with monitors and hooks: for `status`, `doctor` and `recover` alike.
std::vector<SystemProblem> diagnose(const Status& loaded);

// Something does not work, such as a monitor that counts nothing: an exit code other than 0.
bool is_ill(const std::vector<SystemProblem>& ailments);

} // namespace dynmon
