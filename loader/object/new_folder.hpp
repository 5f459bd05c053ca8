// SPDX-License-Identifier: BSD-2-Clause
// The folder of a new probe: it is there whole or not at all, and nothing is overwritten.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dynmon {

struct NewFile {
    std::string name;
    std::string text;
    bool executable = false;
};

// Makes `target` with the files. Throws Error{usage} when it is there already or the folder above
// it is not, Error{failed} when it cannot be written.
void publish_folder(const std::vector<NewFile>& files, const std::filesystem::path& target);

// For a shell, and as it is where that is the same.
std::string quoted(const std::string& path);

} // namespace dynmon
