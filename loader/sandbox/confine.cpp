// SPDX-License-Identifier: BSD-2-Clause
#include "sandbox/confine.hpp"

#include <cerrno>
#include <cstdint>

#include <asm/termbits.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "sandbox/restrict.hpp"

namespace dynmon {

namespace {

// What a process may do to itself and may look at, by purpose. The list is not what one version of
// libbpf happens to call: it has all that is harmless, so that the next version runs as well. Calls
// that another architecture or an older libseccomp does not know are left out there.
constexpr const char* harmless_calls[] = {
    // its memory
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock",
    "munlock", "membarrier", "memfd_create", "pkey_alloc", "pkey_free", "pkey_mprotect", "mseal",
    "map_shadow_stack",
    // the descriptors that it has, and those that lead nowhere else
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev",
    "pwritev2", "lseek", "ftruncate", "fallocate", "fadvise64", "readahead", "copy_file_range",
    "sendfile", "dup", "dup2", "dup3", "poll", "ppoll", "select", "pselect6", "pipe", "pipe2",
    "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    // files, as they are
    "stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getdents64", "statfs", "fstatfs", "getcwd",
    // time
    "clock_gettime", "clock_getres", "gettimeofday", "time", "nanosleep", "clock_nanosleep",
    "times", "getrusage",
    // what and where it is
    "getpid", "gettid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid",
    "getegid", "getresuid", "getresgid", "getgroups", "capget", "uname", "sysinfo", "getcpu",
    "getrandom", "getrlimit", "getpriority", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_getattr", "sched_get_priority_min", "sched_get_priority_max",
    "sched_yield",
    // its only thread, its signals and its end
    "futex", "futex_waitv", "futex_wake", "futex_wait", "set_robust_list", "set_tid_address",
    "rseq", "arch_prctl", "riscv_hwprobe", "riscv_flush_icache", "rt_sigaction", "rt_sigpending",
    "rt_sigreturn", "sigaltstack", "restart_syscall", "umask", "exit", "exit_group"};

// The other commands of fcntl(2) lock files, or let the kernel send signals to other processes.
constexpr int harmless_fcntls[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,
                                   F_GETFL, F_SETFL,         F_GET_SEALS, F_ADD_SEALS};

constexpr int harmless_prctls[] = {PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ,
                                   PR_SET_VMA};

} // namespace

SeccompFilter::SeccompFilter(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {
    seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
}

void SeccompFilter::answer(const char* call, std::uint32_t action,
                           std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = seccomp_syscall_resolve_name(call);
    if (number < 0) // of another architecture, or newer than libseccomp
        return;
    seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(conditions.size()),
                           conditions.begin());
}

void SeccompFilter::install() {
    seccomp_load(context_.get());
}

void allow_harmless(SeccompFilter& filter) {
    for (const char* call : harmless_calls)
        filter.allow(call);
    for (const int command : harmless_fcntls)
        filter.allow("fcntl", {is(1, static_cast<std::uint64_t>(command))});
    for (const int option : harmless_prctls)
        filter.allow("prctl", {is(0, static_cast<std::uint64_t>(option))});
    for (const std::uint64_t request :
         {std::uint64_t{TCGETS}, std::uint64_t{TCGETS2}}) // how the C library asks for a terminal
        filter.allow("ioctl", {is(1, request)});
    // Itself by name; what it drops of its limits it cannot get back.
    const auto own = static_cast<std::uint64_t>(getpid());
    filter.allow("tgkill", {is(0, own)});
    for (const std::uint64_t process : {std::uint64_t{0}, own})
        filter.allow("prlimit64", {is(0, process)});
}

namespace {

// Names of their own where the headers are older.
constexpr std::uint64_t truncating = std::uint64_t{1} << 14; // LANDLOCK_ACCESS_FS_TRUNCATE

constexpr std::uint64_t may_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t may_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER;
constexpr std::uint64_t may_never = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// Where the C library finds what it needs to look a name of the network up.
constexpr const char* for_names[] = {"/etc", "/run", "/usr", "/lib", "/lib64"};

class PathRules {
public:
    explicit PathRules(int version) : more_(version >= 3 ? truncating : 0) {
        landlock_ruleset_attr handled{};
        handled.handled_access_fs = may_read | may_write | may_never | more_;
        rules_ = Fd(static_cast<int>(
            syscall(SYS_landlock_create_ruleset, &handled, sizeof handled.handled_access_fs, 0)));
        if (!rules_)
            throw Error(ErrorKind::failed, "make rules for files", errno);
    }

    // A folder that is not there is nothing to allow.
    void allow(const std::string& path, std::uint64_t access) const {
        const Fd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!folder && (errno == EMFILE || errno == ENFILE))
            throw Error(ErrorKind::failed, "open " + path, errno);
        if (!folder)
            return;
        if ((access & LANDLOCK_ACCESS_FS_WRITE_FILE) != 0)
            access |= more_;
        const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = folder.get()};
        if (syscall(SYS_landlock_add_rule, rules_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
            throw Error(ErrorKind::failed, "give up all files but those of " + path, errno);
    }

    void install() const { syscall(SYS_landlock_restrict_self, rules_.get(), 0); }

private:
    std::uint64_t more_;
    Fd rules_;
};

void restrict_paths(const Confinement& allowed) {
    const int version = landlock_version();
    if (version < 2) // the first one allows no rename from one folder to another, anywhere
        return;
    const PathRules rules(version);
    for (const char* path : {"/proc", "/sys", "/run/netns"})
        rules.allow(path, may_read);
    if (!allowed.store.empty())
        rules.allow(allowed.store, may_read | may_write);
    for (const std::string& folder : allowed.files)
        rules.allow(folder, may_read | may_write);
    for (const std::string& folder : allowed.reads)
        rules.allow(folder, may_read);
    for (const std::string& folder : allowed.removes)
        rules.allow(folder, LANDLOCK_ACCESS_FS_REMOVE_FILE);
    if (allowed.sends)
        for (const char* path : for_names)
            rules.allow(path, may_read);
    rules.install();
}

// Nothing that brings a program into the kernel or takes one out of it.
constexpr std::uint64_t bpf_commands[] = {BPF_MAP_CREATE,
                                          BPF_MAP_LOOKUP_ELEM,
                                          BPF_MAP_UPDATE_ELEM,
                                          BPF_MAP_DELETE_ELEM,
                                          BPF_MAP_GET_NEXT_KEY,
                                          BPF_OBJ_PIN,
                                          BPF_OBJ_GET,
                                          BPF_PROG_GET_NEXT_ID,
                                          BPF_MAP_GET_NEXT_ID,
                                          BPF_PROG_GET_FD_BY_ID,
                                          BPF_MAP_GET_FD_BY_ID,
                                          BPF_OBJ_GET_INFO_BY_FD,
                                          BPF_PROG_QUERY,
                                          BPF_BTF_GET_FD_BY_ID,
                                          BPF_BTF_GET_NEXT_ID,
                                          BPF_MAP_LOOKUP_AND_DELETE_ELEM,
                                          BPF_MAP_FREEZE,
                                          BPF_MAP_LOOKUP_BATCH,
                                          BPF_MAP_UPDATE_BATCH,
                                          BPF_MAP_DELETE_BATCH,
                                          BPF_LINK_GET_FD_BY_ID,
                                          BPF_LINK_GET_NEXT_ID,
                                          BPF_MAP_LOOKUP_AND_DELETE_BATCH};

void allow_files(SeccompFilter& filter, const Confinement& allowed) {
    filter.allow("close");
    for (const char* call : {"mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename",
                             "renameat", "renameat2", "flock"})
        filter.allow(call);
    if (!allowed.files.empty()) {
        for (const char* call : {"open", "openat", "fsync", "fdatasync", "syncfs"})
            filter.allow(call);
        return;
    }
    constexpr std::uint64_t changing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    filter.allow("open", {has_none_of(1, changing)});
    filter.allow("openat", {has_none_of(2, changing)});
}

// Netlink tells which interfaces there are, and what is attached to them.
void allow_sockets(SeccompFilter& filter, const Confinement& allowed) {
    filter.allow("socket", {is(0, AF_NETLINK)});
    for (const char* call : {"bind", "sendto", "sendmsg", "recvfrom", "recvmsg", "getsockname",
                             "setsockopt", "getsockopt"})
        filter.allow(call);
    for (const std::uint64_t request :
         {std::uint64_t{SIOCGIFNAME}, std::uint64_t{SIOCGIFINDEX}, std::uint64_t{FIONREAD}})
        filter.allow("ioctl", {is(1, request)});
    if (allowed.serves)
        for (const char* call : {"accept4", "getpeername", "shutdown"})
            filter.allow(call);
    if (!allowed.sends)
        return;
    for (const std::uint64_t family : {std::uint64_t{AF_INET}, std::uint64_t{AF_INET6}})
        filter.allow("socket", {is(0, family)});
    for (const char* call : {"connect", "sendmmsg", "recvmmsg", "getpeername", "shutdown"})
        filter.allow(call);
    filter.allow("ioctl", {is(1, SIOCOUTQ)});
}

// Threads, and no processes: clone3(2) has its flags in memory, where a filter cannot look, and the
// C library goes on to clone(2) where it is not there.
void allow_threads(SeccompFilter& filter) {
    filter.allow("clone", {{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}});
    filter.answer("clone3", SCMP_ACT_ERRNO(ENOSYS));
    filter.allow("rt_sigprocmask");
}

void restrict_calls(const Confinement& allowed) {
    SeccompFilter filter(SCMP_ACT_ERRNO(EPERM));
    allow_harmless(filter);
    allow_files(filter, allowed);
    allow_sockets(filter, allowed);
    allow_threads(filter);
    for (const std::uint64_t command : bpf_commands)
        filter.allow("bpf", {is(0, command)});
    if (allowed.looks_at_processes)
        for (const char* call : {"pidfd_open", "pidfd_getfd", "name_to_handle_at"})
            filter.allow(call);
    filter.install();
}

// What a compiler does: it reads, and writes to what it was given.
void restrict_program_calls() {
    constexpr std::uint64_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    SeccompFilter filter(SCMP_ACT_ERRNO(EPERM));
    allow_harmless(filter);
    allow_threads(filter); // for a deeper stack
    filter.allow("close");
    filter.allow("open", {has_none_of(1, writing)});
    filter.allow("openat", {has_none_of(2, writing)});
    filter.allow("execve");
    filter.install();
}

} // namespace

int confine_program(const std::vector<std::string>& readable) {
    if (landlock_version() < 1)
        return ENOSYS;
    landlock_ruleset_attr handled{};
    handled.handled_access_fs = may_read | may_write | may_never;
    if (landlock_version() < 2)
        handled.handled_access_fs &= ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_REFER);
    const Fd rules(static_cast<int>(
        syscall(SYS_landlock_create_ruleset, &handled, sizeof handled.handled_access_fs, 0)));
    if (!rules)
        return errno;
    for (const std::string& path : readable) {
        const Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
        if (!place)
            continue; // nothing to allow
        struct stat status {};
        const bool folder = ::fstat(place.get(), &status) == 0 && S_ISDIR(status.st_mode);
        const std::uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE |
                                     (folder ? LANDLOCK_ACCESS_FS_READ_DIR : 0);
        const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = place.get()};
        if (syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
            return errno;
    }
    if (syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0)
        return errno;
    restrict_program_calls();
    return 0;
}

int landlock_version() {
    const long version =
        syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? static_cast<int>(version) : 0;
}

void confine(const Confinement& allowed) {
    if (sanitized) // the reports of sanitizers are files, too
        return;
    restrict_paths(allowed);
    restrict_calls(allowed);
}

void become_nobody() {
    constexpr uid_t nobody = 65534; // of the kernel too: a user without an id here
    if (geteuid() != 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return;
    if (::setgroups(0, nullptr) == 0 && ::setresgid(nobody, nobody, nobody) == 0)
        static_cast<void>(::setresuid(nobody, nobody, nobody) == 0);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

} // namespace dynmon
