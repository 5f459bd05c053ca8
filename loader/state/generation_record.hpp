// SPDX-License-Identifier: BSD-2-Clause
// The record of a generation as JSON, and back: only within what dynmon writes.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "state/generation.hpp"

namespace dynmon {

nlohmann::json to_json(const GenerationRecord& record);

// `path`: of the record's pin, which has to be that of its monitor and number. Throw Damaged, an
// exception of nlohmann::json, or Error{unsupported} for the record of another version.
GenerationRecord record_from(const nlohmann::json& document, const std::string& path);
std::vector<ProgramRecord> programs_from(const nlohmann::json& document, const std::string& path);

} // namespace dynmon
