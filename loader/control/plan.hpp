// SPDX-License-Identifier: BSD-2-Clause
// What a verb will do to the store and to the kernel, as data: a list of steps, each with what
// takes it back. Pure: a plan is made from a StoreSnapshot and changes nothing; execute.hpp carries
// it out.
//
// The order of the steps is what docs/dev/protocol promises: a process may be killed between any
// two of them, and what the next one finds there can be finished or taken back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/snapshot.hpp"
#include "hook/chain.hpp"
#include "hook/hook.hpp"

namespace dynmon {

struct MakeFolder {
    std::string path;
};
struct Rename { // onto nothing
    std::string from;
    std::string to;
};
struct Unpin { // absent is fine
    std::string path;
};
struct RemoveTree { // a folder and what is below, or what stands there instead; absent is fine
    std::string path;
};
struct WriteState {
    std::string path;
    MonitorState state;
    bool begins = false; // all windows begin when it is written
};
struct WriteSlot {
    HookId hook;
    std::uint32_t slot = 0;
    std::optional<PinnedProgram> program; // nothing: it is emptied
};
struct WriteOrder { // of a chain, as ChainOrder keeps it
    HookId hook;
    std::vector<OrderedProgram> programs;
};
struct Fence {};   // until no CPU runs what a slot held before
struct CheckLink { // that it is still ours
    HookId hook;
};
struct CheckRights { // to take the hook off
    HookId hook;
};
struct Detach { // and wait until the kernel has let go
    HookId hook;
};
struct PinChain { // of which the pin is gone; the kernel has emptied it
    HookId hook;
};
struct Retire { // the windows of a replaced generation, and lets go of what no reader has to get
    std::string monitor;
    std::uint32_t generation = 0;
};
struct StopMetering {
    std::string monitor;
};
struct MakeTotals {
    std::string folder; // of the monitor, which may still be staged
};
struct MakeHook { // in place of what is left of one; attached, with an empty chain
    HookRequest request;
};
struct AttachAgain { // the pivot of a hook that another process has detached
    HookId hook;
    std::optional<std::uint32_t> tc_priority;
};
struct LoadPrograms { // into the kernel, where nothing runs them yet
    std::string monitor;
    std::uint32_t generation = 0;
};
struct PinPart { // of the generation that was loaded, told by the name of the pin
    std::string path;
    Pin pin;
};
struct MakeState {
    std::string path;
    MonitorState state;
};
struct RemoveStore {}; // if nothing is in it

using Action =
    std::variant<MakeFolder, Rename, Unpin, RemoveTree, WriteState, WriteSlot, WriteOrder, Fence,
                 CheckLink, CheckRights, Detach, PinChain, Retire, StopMetering, MakeTotals,
                 MakeHook, AttachAgain, LoadPrograms, PinPart, MakeState, RemoveStore>;

// One line; paths are shown below the root of the store, staging names without their numbers.
std::string describe(const Action& action, const StorePaths& paths);
// Nothing is changed by it: it only throws where the plan cannot be carried out.
bool is_check(const Action& action);
// What the store is after the action.
void simulate(const Action& action, StoreSnapshot& snapshot);

struct PlanStep {
    Action action;
    std::vector<Action> undo; // in this order; empty: there is nothing to take back, or no way to
};

struct Plan {
    std::vector<PlanStep> steps;
    // Once this step is done, nothing is taken back any more: the next verb goes on from there.
    std::size_t committed_by = std::numeric_limits<std::size_t>::max();
    std::vector<std::string> says; // one sentence each for what it does, when it is done
    bool look_again = false;       // what comes next depends on what its last step finds
};

// A plan in the making, and the store as it will be so far.
class Planner {
public:
    explicit Planner(StoreSnapshot snapshot) : snapshot_(std::move(snapshot)) {}

    const StoreSnapshot& now() const { return snapshot_; }
    StoreSnapshot take() && { return std::move(snapshot_); } // what the store is then
    const Plan& plan() const { return plan_; }

    void add(Action action, std::vector<Action> undo = {});
    // Once the next step is done, nothing is taken back any more.
    void go_forward() { plan_.committed_by = std::min(plan_.committed_by, plan_.steps.size()); }
    void say(std::string sentence) { plan_.says.push_back(std::move(sentence)); }
    void look_again() { plan_.look_again = true; }

    // Writes the slots of `change` in the chain of `hook`, and the order around them.
    void change_chain(const HookId& hook, const ChainChange& change);
    // Writes down what the order of the chain is, if that is not what is written there.
    void keep_order(const HookId& hook, const std::vector<OrderedProgram>& order);
    // A published folder vanishes in one step, so that no process meets half of it.
    void discard(const std::string& folder);
    void remove_hook(const HookId& hook);
    void remove_if_idle(const std::set<HookId>& hooks);

private:
    StoreSnapshot snapshot_;
    Plan plan_;
};

// Each of these throws what stands in the way, before anything is done, as the verb does.

// The store's own folders, if nothing is in them.
void plan_remove_store(Planner& planner);
// Staging folders of processes that are gone, directly below `folder`.
void plan_sweep(Planner& planner, const std::string& folder);
// Takes a monitor's programs out of their chains, waits until none of them runs, and removes its
// pins and every hook that it leaves idle.
void plan_remove(Planner& planner, const std::string& monitor);
// The same for a monitor whose folder cannot be trusted: asks the chains and the pins, not the
// records. Throws Error{failed} when what comes next in a chain is not known any more.
void plan_force_remove(Planner& planner, const std::string& monitor);
// Rolls an interrupted replace or swap forward and an interrupted load or unload back, until the
// monitor is either running or gone. False: it is gone. To be made again after a look, if the plan
// says so.
bool plan_recover(Planner& planner, const std::string& monitor);
// Puts the programs of running monitors back into a chain that has lost all of them, in the order
// of the monitors' names: that of the chain is not known any more.
void plan_restore_order(Planner& planner, const HookId& hook);
// Removes a damaged hook, pins a chain again that was unpinned or is something else.
void plan_repair_hook(Planner& planner, const HookId& hook);

// A generation that was loaded, or in a dry run would be.
struct NewGeneration {
    std::string monitor;
    std::uint32_t number = 1;
    Side initial_side = Side::a;
    std::vector<ProgramRecord> programs;
    std::map<std::string, Pin> pins; // by name: what its folder is to hold
};

// Makes the hook unless it is there and attached, and takes it back unless other monitors want it.
// Throws Error{busy} when another device has its number. Afterwards the store is looked at.
void plan_hook(Planner& planner, const HookRequest& request);
// Pins the chain of an attached hook again that was unpinned, and puts its programs back.
void plan_repair_chain(Planner& planner, const HookId& hook);
// Pins and publishes a monitor, and puts its programs into the chains. It is committed when its
// state says that it runs; until then the next command takes it back.
void plan_load(Planner& planner, const NewGeneration& generation, const Placement& placement);
// Pins and publishes the next generation of a monitor, which commits it: plan_recover() does the
// rest.
void plan_next_generation(Planner& planner, const NewGeneration& generation);

// Before or after another monitor.
bool is_beside(const Placement& placement);
// A neighbour with one direction is not in the chain of the other: there any place will do.
Placement placement_in(const Chain& chain, const Placement& asked);

} // namespace dynmon
