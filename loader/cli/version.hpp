// What --version prints.
#pragma once

#include <string>

namespace dynmon {

// "dynmon-load 0.1.0 (1a2b3c4d5e6f)": the commit, with a + when files differed from it; without
// parentheses where it is not known.
std::string version_text();

} // namespace dynmon
