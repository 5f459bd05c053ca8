// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/processes.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.hpp"
#include "kernel/mounts.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

constexpr unsigned pidfd_thread = O_EXCL; // PIDFD_THREAD, Linux 6.9

// Names of entries that are numbers; nothing when the process has gone.
std::vector<std::uint32_t> numbers_in(const std::string& folder) {
    std::vector<std::uint32_t> numbers;
    std::error_code gone;
    for (fs::directory_iterator entry(folder, gone), end; !gone && entry != end;
         entry.increment(gone)) {
        const std::string name = entry->path().filename();
        std::uint32_t number = 0;
        const char* last = name.data() + name.size();
        if (std::from_chars(name.data(), last, number).ptr == last)
            numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::string process_folder(std::uint32_t pid) {
    return "/proc/" + std::to_string(pid);
}

Fd open_pidfd(std::uint32_t id, unsigned flags) {
    return Fd(static_cast<int>(syscall(SYS_pidfd_open, id, flags)));
}

Fd copy_descriptor(const Fd& pidfd, std::uint32_t number) {
    return Fd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
}

std::string cgroup_mount() {
    const std::vector<std::string> mounts = mounts_of("cgroup2");
    if (mounts.empty())
        throw Error(ErrorKind::unsupported,
                    "no cgroup2 is mounted, by which cgroups could be found");
    return mounts.front();
}

bool visit_cgroup(const std::string& root, const fs::path& path,
                  const std::function<bool(const Fd&, const Cgroup&)>& visit) {
    const Fd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!directory || fstat(directory.get(), &status) != 0)
        return true; // removed in the meantime
    const std::string below = path.string().substr(root.size());
    return visit(directory, {.id = status.st_ino, .path = below.empty() ? "/" : below});
}

bool is_socket(const std::string& descriptor_link) {
    std::error_code gone;
    return fs::read_symlink(descriptor_link, gone).string().starts_with("socket:");
}

} // namespace

void for_each_task(const std::function<bool(const Fd&, const Task&)>& visit) {
    for (const std::uint32_t pid : numbers_in("/proc")) {
        for (const std::uint32_t tid : numbers_in(process_folder(pid) + "/task")) {
            const Fd pidfd = open_pidfd(tid, tid == pid ? 0 : pidfd_thread);
            if (!pidfd)
                continue;
            const std::string folder = process_folder(pid) + "/task/" + std::to_string(tid);
            if (!visit(pidfd, {.pid = pid, .tid = tid, .comm = first_line(folder + "/comm")}))
                return;
        }
    }
}

void for_each_cgroup(const std::function<bool(const Fd&, const Cgroup&)>& visit) {
    const std::string root = cgroup_mount();
    if (!visit_cgroup(root, root, visit))
        return;
    std::error_code gone;
    const auto options = fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator entry(root, options, gone), end; !gone && entry != end;
         entry.increment(gone)) {
        std::error_code error;
        if (entry->is_directory(error) && !visit_cgroup(root, entry->path(), visit))
            return;
    }
}

void for_each_socket(const std::function<bool(const Fd&, const OwnedSocket&)>& visit) {
    std::set<std::uint64_t> seen;
    for (const std::uint32_t pid : numbers_in("/proc")) {
        const std::string folder = process_folder(pid);
        Fd pidfd;
        for (const std::uint32_t number : numbers_in(folder + "/fd")) {
            if (!is_socket(folder + "/fd/" + std::to_string(number)))
                continue;
            if (!pidfd)
                pidfd = open_pidfd(pid, 0);
            const Fd socket = pidfd ? copy_descriptor(pidfd, number) : Fd();
            OwnedSocket found{
                .owner = {.pid = pid, .tid = pid, .comm = first_line(folder + "/comm")}};
            socklen_t size = sizeof found.cookie;
            if (!socket ||
                getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &found.cookie, &size) != 0)
                continue;
            if (seen.insert(found.cookie).second && !visit(socket, found))
                return;
        }
    }
}

} // namespace dynmon
