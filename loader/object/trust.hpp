// SPDX-License-Identifier: BSD-2-Clause
// Whose files are believed: the one rule for all that decides what is loaded. SECURITY.md has it in
// words.
#pragma once

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

// Believes root, the caller, and whoever can exchange the program that runs: the caller runs it, so
// their code decides already.
class Trust {
public:
    explicit Trust(Purpose purpose = Purpose::load) : purpose_(purpose) {}

    // For a path that the caller named: believes its owner too, and says so in a warning. Throws
    // Error{rejected} where the name is no proof, because others can put something else under it.
    void believe_owner_of(const std::string& path);

    // Throws Error{rejected} that names the first step which somebody else owns or can write to.
    void require(const Steps& steps) const;

private:
    bool believes(uid_t owner) const;
    void require(const Step& step) const;

    Purpose purpose_;
    std::optional<uid_t> named_;
};

} // namespace dynmon
