// SPDX-License-Identifier: BSD-2-Clause
// Finding a map of the system: by its pin, its id, its name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace dynmon {

struct EnumSet;

struct FoundMap {
    Fd fd;
    std::string pin_path; // "": found otherwise
    std::string metric;   // of dynmon that led to it; "": none in particular
    std::string name;     // by which it was asked for; "": it was not
    // The interfaces that its numbers stand for; unset: those of the caller's network namespace.
    std::function<std::shared_ptr<const EnumSet>()> interfaces;
};

// Null: numbers stay numbers.
std::shared_ptr<const EnumSet> interfaces_of(const FoundMap& map);

// Throws Error{usage} when the path is no pin of a map. A pin that the caller may only read is
// opened to read.
Fd open_map_pin(const std::string& path);
Fd open_map_id(std::uint32_t id); // needs CAP_SYS_ADMIN
// Likewise; Error{usage} unless exactly one map has the name (of which the kernel keeps 15
// characters). Opens only maps of that name where the kernel's list of maps is mounted: opening
// a PROG_ARRAY that another process is just taking down would make the kernel keep it.
Fd open_map_name(const std::string& name);

// The ids of all maps whose name is what the kernel keeps of `name`; opens no others where the
// kernel's list is mounted. Needs CAP_SYS_ADMIN.
std::vector<std::uint32_t> map_ids_by_name(const std::string& name);

// Ids of the maps of that name in the text of bpffs' maps.debug ("id name max_entries …").
std::vector<std::uint32_t> ids_in_listing(const std::string& listing, const std::string& name);

} // namespace dynmon
