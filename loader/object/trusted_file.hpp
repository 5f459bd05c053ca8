// Files that decide what is loaded: they are believed only where nobody else can write to them.
#pragma once

#include <string>

namespace dynmon {

// The text of a regular file of root or of the caller that nobody else can write to, in a folder of
// which the same is true; throws Error{rejected} "WHAT: …" for any other.
std::string read_trusted_file(const std::string& path, const std::string& what);

bool is_absent(const std::string& path);

} // namespace dynmon
