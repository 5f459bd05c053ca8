// SPDX-License-Identifier: BSD-2-Clause
// What stands in the store, as it was found while the store was locked: the pins, what their
// records say and what the slots of the chains hold. Plans are made from it (control/plan.hpp), and
// say what it would be after each of their steps. Pure: look.hpp fills it, tests write it by hand.
#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "hook/chain.hpp"
#include "hook/hook.hpp"
#include "state/generation.hpp"
#include "state/state.hpp"
#include "state/store.hpp"

namespace dynmon {

// What a name in the store leads to. Only what decisions are made by is in it.
struct FolderPin {
    bool operator==(const FolderPin&) const = default;
};
struct ObjectPin { // a map, link or record that is only there or not
    bool operator==(const ObjectPin&) const = default;
};
// The facts are known of pivots, and of programs of monitors whose records cannot be used.
struct ProgramPin {
    std::uint32_t id = 0; // 0: see the record
    std::string name;
    std::vector<std::uint32_t> map_ids;
    bool operator==(const ProgramPin&) const = default;
};
struct MapPin { // of a generation
    std::uint32_t id = 0;
    bool unread = false; // of a metric, and something is in it
    bool operator==(const MapPin&) const = default;
};
struct RecordPin { // of a generation
    std::vector<ProgramRecord> programs;
    bool logged = false; // windows of it wait for named readers
    bool operator==(const RecordPin&) const = default;
};
struct StatePin {
    MonitorState state;
    bool metered = false; // a process has left its programs metered
    bool totals = true;   // all that OpenMetrics needs are there
    bool operator==(const StatePin&) const = default;
};
struct ChainPin {
    std::uint32_t id = 0;
    Slots slots; // all that are not empty
    bool operator==(const ChainPin&) const = default;
};
struct OrderPin {
    std::vector<OrderedProgram> programs;
    bool operator==(const OrderPin&) const = default;
};
using Pin =
    std::variant<FolderPin, ObjectPin, ProgramPin, MapPin, RecordPin, StatePin, ChainPin, OrderPin>;

// Why something in the store cannot be used.
struct Fault {
    explicit Fault(const Error& error); // called where it is caught
    Error error;
    std::exception_ptr cause; // the same, with its type
    bool damaged = false;     // it is not what dynmon writes: `unload` and `recover` remove it
};

class StoreSnapshot {
public:
    explicit StoreSnapshot(StorePaths where) : paths(std::move(where)) {}

    StorePaths paths;
    std::map<std::string, Pin> pins; // by path
    // By path: of a monitor (its records), its state, a generation (its maps), a hook, a chain.
    // Thrown by what needs them.
    std::map<std::string, Fault> faults;
    std::map<std::string, Fault> unsound; // by monitor: why it may only be removed
    std::set<HookId> broken_hooks;        // of which pins are missing or damaged, beside the chain

    std::map<HookId, HookState> health; // of those that were asked for

    bool has(const std::string& path) const { return pins.contains(path); }
    // Null: nothing is there, or something else. Throws the fault of `path`.
    template <typename Kind>
    const Kind* get(const std::string& path) const {
        throw_fault(path);
        const auto found = pins.find(path);
        return found == pins.end() ? nullptr : std::get_if<Kind>(&found->second);
    }
    void throw_fault(const std::string& path) const;
    bool is_damaged(const std::string& path) const; // it has a fault, which says so
    std::vector<std::string> names_in(const std::string& folder) const; // sorted
    void remove(const std::string& path); // with all below; absent is fine
    void rename(const std::string& from, const std::string& to);

    std::vector<std::string> monitors() const;
    std::vector<HookId> hooks() const;
    std::vector<std::string> staging(const std::string& folder) const;        // paths
    std::vector<std::uint32_t> generations(const std::string& monitor) const; // oldest first
    GenerationDir generation(const std::string& monitor, std::uint32_t number) const;
    // Nothing: an interrupted unload has begun to remove it. Throws the fault of the monitor.
    const RecordPin* record(const std::string& monitor, std::uint32_t number) const;
    bool has_programs(const std::string& monitor, std::uint32_t number) const;
    // Nothing: there is none, or it was not looked at.
    std::optional<MonitorState> state(const std::string& monitor) const;

    // All programs at a hook that are still pinned. A monitor whose records cannot be used is in
    // neither list of the members, and its programs that call this chain are opaque.
    std::vector<ChainMember> members_at(const HookId& hook) const;
    std::vector<OpaqueMember> opaque_at(const HookId& hook) const;
    bool is_idle(const HookId& hook) const;
    // Throws as the constructor of Chain, the fault of the chain, and Error{failed} when it is not
    // pinned any more.
    Chain chain_at(const HookId& hook) const;
    std::string chain_path(const HookId& hook) const { return paths.hook_dir(hook) + "/chain"; }
    std::string order_path(const HookId& hook) const { return paths.hook_dir(hook) + "/order"; }
};

// The error for a chain that another process has unpinned.
Error chain_is_gone();

} // namespace dynmon
