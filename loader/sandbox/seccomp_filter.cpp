// SPDX-License-Identifier: BSD-2-Clause
#include "sandbox/seccomp_filter.hpp"

#include <asm/termbits.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/prctl.h>

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

} // namespace dynmon
