// SPDX-License-Identifier: BSD-2-Clause
// The prefixes that `deny` and `allow` are given, as words of the command line or of standard
// input.
#pragma once

#include <istream>
#include <string>
#include <vector>

namespace dynmon {

// A prefix, or for `remove` the number of an entry, and the reason that stands behind it.
struct Word {
    std::string text;
    std::string reason;
};

// Appends the words of each line; what follows a # is their reason. Throws Error{usage} for a line
// of more than 4096 bytes and for more than 1,048,576 words: a feed is not trusted with the memory
// of this machine.
void read_words(std::istream& lines, std::vector<Word>& found);

} // namespace dynmon
