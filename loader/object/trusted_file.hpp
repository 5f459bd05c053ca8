// SPDX-License-Identifier: BSD-2-Clause
// Files that decide what is loaded, read where the rule of object/trust.hpp lets them be.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "object/trust.hpp"

namespace dynmon {

// read_file() of a file that, as it was opened, `trust` believes, and each folder above it. Throws
// what that throws, and Error{rejected} for others.
std::vector<std::byte> read_trusted(const std::string& path, std::size_t limit, const Trust& trust);

// The same for a path that the caller named, whose owner is therefore believed.
std::vector<std::byte> read_named(const std::string& path, std::size_t limit);

// The text of a list or policy, where every fault means that nothing is loaded: throws
// Error{rejected} "WHAT: …".
std::string read_trusted_text(const std::string& path, const std::string& what);

bool is_trusted(const std::string& path);
bool is_absent(const std::string& path);

// What `List::read` makes of the machine's file, if it is there, and of the one that was named.
template <typename List>
std::vector<List> read_lists(const std::string& machine, const std::string& named) {
    std::vector<List> lists;
    if (!is_absent(machine))
        lists.push_back(List::read(machine));
    if (!named.empty())
        lists.push_back(List::read(named));
    return lists;
}

} // namespace dynmon
