#include "kernel/machine.hpp"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>

#include <unistd.h>

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "kernel/bpf.hpp"

namespace dynmon {

namespace {

constexpr int cap_perfmon = 38; // Linux 5.8, and so is cap_bpf

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

const std::vector<Capability>& known_capabilities() {
    static const std::vector<Capability> known = {
        {cap_bpf, "CAP_BPF", "programs and maps"},
        {CAP_NET_ADMIN, "CAP_NET_ADMIN", "programs of network hooks, and attaching them"},
        {cap_perfmon, "CAP_PERFMON", "pointer arithmetic in probes"},
        {CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "looking objects up by id, --netns, status --stats"},
    };
    return known;
}

std::string refusal_hint(int error_number) {
    if (error_number == ENOMEM)
        return "the memory limit of this control group, or of the machine, is reached: raise "
               "memory.max or make the maps smaller";
    if (error_number != EPERM)
        return "";
    const Rights rights = own_rights();
    if (!rights.has(CAP_SYS_ADMIN) && !(rights.has(cap_bpf) && rights.has(CAP_NET_ADMIN)))
        return "needs CAP_BPF and CAP_NET_ADMIN: run as root";
    return "the capabilities are there: a seccomp filter, a security module or, before Linux 5.11, "
           "RLIMIT_MEMLOCK (ulimit -l) forbids it; `dynmon-load doctor` says more";
}

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

Rights own_rights() {
    Rights rights{.user = geteuid()};
    rights.effective = number_of<std::uint64_t>(field_of_status("CapEff"), 16).value_or(0);
    if (const auto mode = number_of<int>(field_of_status("Seccomp")))
        rights.seccomp = *mode == 0 ? "disabled" : *mode == 1 ? "strict" : "filter";
    return rights;
}

Restrictions restrictions() {
    Restrictions found;
    found.unprivileged_bpf_disabled =
        number_of<int>(first_line("/proc/sys/kernel/unprivileged_bpf_disabled"));
    found.lockdown = chosen(first_line("/sys/kernel/security/lockdown"));
    found.jit = number_of<int>(first_line("/proc/sys/net/core/bpf_jit_enable"));
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
