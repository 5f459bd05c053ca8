// SPDX-License-Identifier: BSD-2-Clause
// What is loaded where, as the kernel has it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/meter.hpp"
#include "control/settings.hpp"
#include "control/window.hpp"
#include "hook/hook.hpp"
#include "hook/neighbours.hpp"
#include "state/generation.hpp"

namespace dynmon {

struct ProgramStatus {
    Direction direction = Direction::ingress;
    std::string name;
    HookId hook;
    std::uint32_t id = 0;       // of the instance that is in the chain; 0: none is
    std::size_t position = 0;   // in the chain, from 1; 0: not in the chain
    std::optional<Cost> cost;   // since the generation was loaded, while metering was on; none: the
                                // object was not written with dynmon.h
    std::uint64_t limit_ns = 0; // what a packet may cost on average; 0: anything
    std::optional<TakenOut> taken_out; // it cost more
};

struct MapStatus {
    std::string name;
    std::string type;
    std::optional<std::uint32_t> entries; // of the side that is being written; none: some
    std::uint32_t max_entries = 0;
};

struct ReaderStatus {
    std::string name;
    std::size_t waiting = 0; // windows
    std::uint64_t lost = 0;  // windows, ever
    std::uint64_t read_ns = 0;
};

struct MonitorStatus {
    std::string name;
    std::string probe;
    std::uint32_t generation = 0;
    std::uint64_t loaded_ns = 0; // this generation, since the Unix epoch
    std::size_t unread_generations = 0;
    std::uint64_t unread_bytes = 0;             // of memory, that their maps take
    std::optional<UnfinishedWindow> unfinished; // none while a process reads
    std::string problem;                        // "" or why the rest is not known
    std::string advice;                         // what to do about it; "": `dynmon-load recover`
    std::string health; // "interrupted", "over-limit", or as to_string(HookHealth)
    std::string object;
    std::string sha256;
    std::string clock;
    std::map<std::string, std::string> parameters;
    std::set<Power> may;        // what its manifest lets it do beyond looking
    std::uint64_t sequence = 0; // windows closed so far
    std::vector<ProgramStatus> programs;
    std::vector<MapStatus> maps;
    std::vector<ReaderStatus> readers; // that have a name
};

struct HookStatus {
    HookId id;
    std::string device;
    std::string netns;
    std::string attach; // "link", "clsact"
    std::string mode;   // XDP: "native", "generic"; TC: "tcx", "clsact"
    HookHealth health = HookHealth::attached;
    std::uint32_t pivot_id = 0;
    Cost cost;                      // of the whole chain, while the kernel's statistics were on
    std::vector<std::string> chain; // "monitor/program", first to last
    std::string problem;            // "" or what is wrong with the hook or its chain
    std::string advice;             // what to do about it; "": `dynmon-load recover`
    HookOrder order = HookOrder::head;
    std::optional<std::vector<Neighbour>> in_front; // nothing: not known
    std::string in_front_problem;                   // why not
};

struct Status {
    std::vector<HookStatus> hooks;
    std::vector<MonitorStatus> monitors;
};

// What ran during `span`, measured with the kernel's statistics (hooks) and the programs' own
// meters (monitors). CAP_SYS_ADMIN is needed until `opened` is called. Otherwise as read_status().
Status measure_status(const Settings& settings, const std::string& name,
                      std::chrono::nanoseconds span, const std::function<void()>& opened);

// A hook in another network namespace than the caller's is looked at by entering that namespace,
// which takes CAP_SYS_ADMIN.
bool has_hooks_elsewhere(const Settings& settings);

// `name` "": everything. Throws Error{usage} with the nearest name for an unknown monitor.
// Changes nothing; `problem` says what could not be found out.
// `locked` is called when nothing can be loaded or unloaded any more, before anything is looked at
// but the programs in front of the hooks, for which the kernel wants CAP_NET_ADMIN.
Status read_status(const Settings& settings, const std::string& name,
                   const std::function<void()>& locked = {});

const char* to_string(HookHealth health);

} // namespace dynmon
