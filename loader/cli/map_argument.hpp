// SPDX-License-Identifier: BSD-2-Clause
// MAP on the command line: which map, and where its types are from; prefixes and addresses as
// words.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "control/settings.hpp"
#include "source/find_map.hpp"

namespace dynmon {

// The prefixes that `deny` and `allow` are given, as words of the command line or of standard
// input.

// A prefix, or for `remove` the number of an entry, and the reason that stands behind it.
struct Word {
    std::string text;
    std::string reason;
};

// Appends the words of each line; what follows a # is their reason. Throws Error{usage} for a line
// of more than 4096 bytes and for more than 1,048,576 words: a feed is not trusted with the memory
// of this machine.
void read_words(std::istream& lines, std::vector<Word>& found);

struct MapArgument {
    std::vector<std::string> words;
    std::string object;

    void declare(CLI::App& app);
    // Throws Error{usage}. The interfaces of a monitor's map are those of its network namespace.
    FoundMap find(const Settings& settings) const;
    // The name of the monitor that a found map belongs to; "": none.
    static std::string monitor_of(const FoundMap& map, const Settings& settings);

private:
    FoundMap find_anywhere(const Settings& settings) const;
};

} // namespace dynmon
