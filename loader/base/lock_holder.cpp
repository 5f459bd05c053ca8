// SPDX-License-Identifier: BSD-2-Clause
#include "base/lock_holder.hpp"

#include <fstream>
#include <sstream>

#include <sys/stat.h>

#include "base/printable.hpp"

namespace dynmon {

namespace {

constexpr std::size_t longest_command = 120; // bytes

// " (dynmon-load read web)"; nothing where it has ended or may not be looked at.
std::string command_of(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/cmdline");
    std::string command, word;
    while (command.size() <= longest_command && std::getline(file, word, '\0'))
        command += (command.empty() ? "" : " ") + word;
    return command.empty() ? "" : " (" + printable_line(command, longest_command) + ")";
}

} // namespace

// Lines of /proc/locks: "1: FLOCK  ADVISORY  WRITE 1234 00:21:5678 0 EOF".
std::string lock_holder(int fd) {
    struct stat status {};
    fstat(fd, &status);
    const std::string inode = ":" + std::to_string(status.st_ino);
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream fields(line);
        std::string number, kind, advisory, access, pid, file;
        fields >> number >> kind >> advisory >> access >> pid >> file;
        if (kind == "FLOCK" && file.ends_with(inode))
            return "pid " + pid + command_of(pid);
    }
    return "another process";
}

} // namespace dynmon
