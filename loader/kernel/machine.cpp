// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/machine.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/error.hpp"
#include "kernel/bpf.hpp"
#include "sandbox/confine.hpp"

namespace dynmon {

namespace {

std::optional<std::string> first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
        return std::nullopt;
    return line;
}

template <typename Number>
std::optional<Number> number_of(const std::optional<std::string>& text, int base = 10) {
    Number number{};
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), number, base).ec != std::errc())
        return std::nullopt;
    return number;
}

// "none [integrity] confidentiality" → "integrity"
std::optional<std::string> chosen(const std::optional<std::string>& line) {
    const std::size_t start = line ? line->find('[') : std::string::npos;
    if (start == std::string::npos)
        return std::nullopt;
    return line->substr(start + 1, line->find(']', start) - start - 1);
}

std::optional<std::string> field_of_status(const std::string& name) {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(name + ":\t"))
            return line.substr(name.size() + 2);
    return std::nullopt;
}

} // namespace

KernelFacts kernel_facts() {
    KernelFacts facts;
    utsname names{};
    if (uname(&names) == 0) {
        facts.release = names.release;
        facts.machine = names.machine;
    }
    facts.possible_cpus = possible_cpus();
    facts.online_cpus = static_cast<std::size_t>(get_nprocs());
    return facts;
}

std::string host_name() {
    utsname names{};
    return uname(&names) == 0 ? names.nodename : "";
}

ProcessFacts process_facts() {
    ProcessFacts process{.user = geteuid()};
    process.effective = number_of<std::uint64_t>(field_of_status("CapEff"), 16).value_or(0);
    if (const auto mode = number_of<int>(field_of_status("Seccomp")))
        process.seccomp = *mode == 0 ? "disabled" : *mode == 1 ? "strict" : "filter";
    return process;
}

Restrictions restrictions() {
    Restrictions found;
    found.unprivileged_bpf_disabled =
        number_of<int>(first_line("/proc/sys/kernel/unprivileged_bpf_disabled"));
    found.lockdown = chosen(first_line("/sys/kernel/security/lockdown"));
    found.jit = number_of<int>(first_line("/proc/sys/net/core/bpf_jit_enable"));
    found.landlock = landlock_version();
    rlimit limit{};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
        found.memlock = limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<std::uint64_t>::max()
                                                        : limit.rlim_cur;
    return found;
}

BpffsFacts bpffs_facts(const std::string& path) {
    BpffsFacts facts{.path = path};
    struct statfs filesystem {};
    struct stat status {};
    facts.mounted = statfs(path.c_str(), &filesystem) == 0 && filesystem.f_type == BPF_FS_MAGIC;
    if (facts.mounted && stat(path.c_str(), &status) == 0) {
        facts.mode = status.st_mode & 07777;
        facts.owner = status.st_uid;
    }
    return facts;
}

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
            if (!visit(pidfd,
                       {.pid = pid, .tid = tid, .comm = first_line(folder + "/comm").value_or("")}))
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
            OwnedSocket found{.owner = {.pid = pid,
                                        .tid = pid,
                                        .comm = first_line(folder + "/comm").value_or("")}};
            socklen_t size = sizeof found.cookie;
            if (!socket ||
                getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &found.cookie, &size) != 0)
                continue;
            if (seen.insert(found.cookie).second && !visit(socket, found))
                return;
        }
    }
}

// "cgroup2 /sys/fs/cgroup cgroup2 rw … 0 0"
std::vector<std::string> mounts_of(std::string_view type) {
    std::vector<std::string> folders;
    std::ifstream mounts("/proc/self/mounts");
    for (std::string source, folder, kind, rest;
         mounts >> source >> folder >> kind && std::getline(mounts, rest);)
        if (kind == type)
            folders.push_back(folder);
    return folders;
}

} // namespace dynmon
