#include "base/lock_holder.hpp"

#include <fstream>
#include <sstream>

#include <sys/stat.h>

namespace dynmon {

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
            return "pid " + pid;
    }
    return "another process";
}

} // namespace dynmon
