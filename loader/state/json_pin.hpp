// SPDX-License-Identifier: BSD-2-Clause
// JSON and raw bytes kept in a pinned map, beside the objects they describe: they live and die
// together, and a frozen map can be changed by nobody.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernel/own_pin.hpp"

namespace dynmon {

void pin_bytes(const std::string& path, const std::vector<std::byte>& bytes);
std::vector<std::byte> read_pinned_bytes(const std::string& path);

void pin_json(const std::string& path, nlohmann::json document);
nlohmann::json read_pinned_json(const std::string& path); // throws Damaged when it is not ours

// What `read` makes of the document at `path`; Damaged when that does not fit.
template <typename Read>
auto from_pinned_json(const std::string& path, Read&& read) {
    const nlohmann::json document = read_pinned_json(path);
    try {
        return read(document);
    } catch (const nlohmann::json::exception& error) {
        throw Damaged(path + " is damaged: " + error.what());
    }
}

} // namespace dynmon
