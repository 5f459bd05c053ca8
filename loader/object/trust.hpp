// SPDX-License-Identifier: BSD-2-Clause
// Whose files are believed: the one rule for all that decides what is loaded, and how such a file
// is read. SECURITY.md has it in words.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace dynmon {

// A folder, link or file on the way to a file, as its own descriptor describes it.
struct Step {
    std::string path;
    struct stat status;
    bool shared = false; // it lies in a folder in which everybody can make files, such as /tmp
};

using Steps = std::vector<Step>;

enum class Purpose {
    load, // what is not believed is refused
    look, // there is a warning only: nothing is loaded
};

// Believes root, the caller, and each user who can exchange the program that runs: the caller runs
// it, so their code decides already.
class Trust {
public:
    explicit Trust(Purpose purpose = Purpose::load) : purpose_(purpose) {}

    // For a path that the caller named: believes its owner too, and says so in a warning. Throws
    // Error{rejected} where the name is no proof, because others can put something else under it.
    void believe_owner_of(const std::string& path);

    // Throws Error{rejected} that names the first step which another user owns or can write to.
    void require(const Steps& steps) const;

private:
    bool believes(uid_t owner) const;
    void require(const Step& step) const;

    Purpose purpose_;
    std::optional<uid_t> named_;
};

// Files that decide what is loaded, read where the rule of object/trust.hpp lets them be.

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
