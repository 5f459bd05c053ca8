// SPDX-License-Identifier: BSD-2-Clause
// Results of verbs as JSON or as a sentence.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cli/verb.hpp"
#include "control/doctor.hpp"
#include "hook/neighbours.hpp"
#include "state/generation.hpp"

namespace dynmon {

// Prints `document` with --json, else `sentence`.
void print_result(const Global& global, const nlohmann::ordered_json& document,
                  const std::string& sentence);
// The exit code of a verb that looks: 0 when nothing is ill.
int exit_code(const std::vector<SystemProblem>& ailments);
// "eth0 (tc-ingress, tc-egress)": where the programs of a generation run.
std::string places_text(const Global& global, const GenerationRecord& record);

// What a replace kept, behind the sentence that it was done; "": nothing to say.
std::string what_went_on(const std::vector<std::string>& carried, bool unread);

} // namespace dynmon
