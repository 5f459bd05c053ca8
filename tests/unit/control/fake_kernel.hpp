// SPDX-License-Identifier: BSD-2-Clause
// A store in memory behind a KernelPort: it can fail or be killed before any step, and it watches
// what packets would meet meanwhile.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/execute.hpp"

namespace dynmon {

struct Killed {}; // no exception that anybody handles: nothing is taken back

class FakeKernel : public KernelPort {
public:
    explicit FakeKernel(StoreSnapshot found) : tree(std::move(found)) {}

    StoreSnapshot look(Width) override { return tree; }
    void run(const Action& action) override;

    StoreSnapshot tree;
    std::vector<Action> ran;            // what was undone included
    std::optional<std::size_t> fail_at; // once, before the action of this number is run
    std::optional<std::size_t> kill_at;
    int error_number = 0;
    std::vector<std::string> violations; // of the promises on packets
    std::set<std::string> bystanders;    // monitors that must be reached by packets all the time

private:
    void watch(const Action& action);
    void find_bystanders();

    std::set<std::uint32_t> running_;                 // since the last fence
    std::map<HookId, std::set<std::string>> reached_; // bystanders
    bool looked_ = false;
};

// Monitors that packets meet at a hook, first to last.
std::vector<std::string> chain_of(const StoreSnapshot& tree, const HookId& hook);

// Hooks with a pivot each, and monitors on them, as a whole store has them.
class FakeStore {
public:
    FakeStore();

    void add_hook(const HookId& hook);
    // A generation that is pinned but in no chain.
    void add_generation(const std::string& monitor, std::uint32_t number,
                        const std::set<HookId>& hooks, std::size_t sides = 1);
    // A running monitor, last in its chains.
    void add_monitor(const std::string& monitor, const std::set<HookId>& hooks,
                     std::size_t sides = 1);
    void set_state(const std::string& monitor, const MonitorState& state);

    StoreSnapshot tree;

private:
    std::uint32_t next_id_ = 100;
};

inline const HookId ingress_hook{4026531840, 3, HookPoint::tc_ingress};
inline const HookId egress_hook{4026531840, 3, HookPoint::tc_egress};

} // namespace dynmon
