// JSON and raw bytes kept in a pinned map, beside the objects they describe: they live and die
// together, and a frozen map can be changed by nobody.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace dynmon {

void pin_bytes(const std::string& path, const std::vector<std::byte>& bytes);
std::vector<std::byte> read_pinned_bytes(const std::string& path);

void pin_json(const std::string& path, const nlohmann::json& document);
nlohmann::json
read_pinned_json(const std::string& path); // throws Error{failed} when it is not ours

} // namespace dynmon
