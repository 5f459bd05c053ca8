// SPDX-License-Identifier: BSD-2-Clause
// What verbs found and did as JSON: one shape for `dynmon-load --json` and for the HTTP API.
#pragma once

#include <optional>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "control/deny.hpp"
#include "control/doctor.hpp"
#include "control/status.hpp"
#include "hook/hook.hpp"
#include "hook/neighbours.hpp"
#include "state/generation.hpp"

namespace dynmon {

nlohmann::ordered_json generation_json(const GenerationRecord& record);
// [{"place": "tcx", "kind": "bpf", "program": …, "id": …, "priority": …}, …]; null: unknown.
nlohmann::ordered_json neighbours_json(const std::optional<std::vector<Neighbour>>& neighbours);
// [{"problem": …, "remedy": …, "ill": …}, …]
nlohmann::ordered_json problems_json(const std::vector<SystemProblem>& ailments);

// Nothing: another process has unloaded the monitor meanwhile.
std::optional<HookRecord> hook_record_if_there(const Store& store, const HookId& hook);
// As generation_json(), with the programs of others in front of each program; warns of them too.
nlohmann::ordered_json placed_json(const Settings& settings, const GenerationRecord& record);

const char* action_word(ListAction action);                    // "drop", "dry-run", "allow"
nlohmann::ordered_json expires_json(std::uint64_t expires_ns); // null: never
// [{"id": …, "prefix": …, "action": …}, …]
nlohmann::ordered_json entries_json(const std::vector<Listed>& entries, std::uint64_t now_ns);
nlohmann::ordered_json networks_json(const std::vector<Network>& networks); // ["10.0.0.0/8", …]

double ns_per_run(const Cost& cost);
// `stats`: with what measure_status() has measured.
nlohmann::ordered_json monitor_json(const MonitorStatus& monitor, bool stats);
nlohmann::ordered_json hook_json(const HookStatus& hook, bool stats);
// {"monitors": […], "hooks": […], "problems": […]}
nlohmann::ordered_json status_json(const Status& status, const std::vector<SystemProblem>& ailments,
                                   bool stats);

const char* store_word(StoreState state);                           // "absent", "ours", "refused"
nlohmann::ordered_json environment_json(const SystemReport& found); // a part of the next
nlohmann::ordered_json examination_json(const SystemReport& found);

} // namespace dynmon
