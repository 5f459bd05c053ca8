// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/machine.hpp"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>

#include <unistd.h>

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

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

} // namespace dynmon
