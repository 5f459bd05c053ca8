// Files that decide what is loaded: they are believed only where nobody else can write to them.
#pragma once

#include <string>
#include <vector>

namespace dynmon {

// The text of a regular file of root or of the caller that nobody else can write to, in a folder of
// which the same is true; throws Error{rejected} "WHAT: …" for any other.
std::string read_trusted_file(const std::string& path, const std::string& what);

bool is_absent(const std::string& path);

// What `List::read` makes of the machine's file, if it is there, and of the one that was named.
template <typename List>
std::vector<List> read_trusted(const std::string& machine, const std::string& named) {
    std::vector<List> lists;
    if (!is_absent(machine))
        lists.push_back(List::read(machine));
    if (!named.empty())
        lists.push_back(List::read(named));
    return lists;
}

} // namespace dynmon
