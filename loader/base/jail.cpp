#include "base/jail.hpp"

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstddef>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace dynmon {

namespace {

#if defined(__x86_64__)
constexpr __u32 architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr __u32 architecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr __u32 architecture = AUDIT_ARCH_RISCV64;
#else
constexpr __u32 architecture = 0; // no filter: its numbers would be guesses
#endif

constexpr __u32 succeed = SECCOMP_RET_ERRNO; // with errno 0: the call returns 0
constexpr __u32 refuse = SECCOMP_RET_ERRNO | EPERM;

void set_limit(__rlimit_resource resource, rlim_t value) {
    rlimit limit{value, value};
    rlimit old{};
    if (getrlimit(resource, &old) == 0)
        limit.rlim_cur = limit.rlim_max = std::min(value, old.rlim_max);
    setrlimit(resource, &limit);
}

std::size_t mapped_bytes() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void close_range_of(int first, int last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    const int most = std::min<int>(last, static_cast<int>(sysconf(_SC_OPEN_MAX)) - 1);
    for (int fd = first; fd <= most; ++fd) // before 5.9
        ::close(fd);
}

// A list of answers: comparisons of what is in the accumulator.
class Filter {
public:
    Filter() {
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0));
        add(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
    }
    void answer(long call, __u32 result) {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(call), 0, 1));
        add(BPF_RET | BPF_K, result);
    }
    void allow(std::initializer_list<long> calls) {
        for (const long call : calls)
            answer(call, SECCOMP_RET_ALLOW);
    }
    // Of openat(2): for reading only.
    void allow_reading() {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4));
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2]));
        code_.push_back(
            BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1));
        add(BPF_RET | BPF_K, refuse);
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    bool install(__u32 otherwise) {
        add(BPF_RET | BPF_K, otherwise);
        const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
    }

private:
    void add(int code, __u32 operand) {
        code_.push_back(BPF_STMT(static_cast<__u16>(code), operand));
    }
    std::vector<sock_filter> code_;
};

} // namespace

void die_of_crashes() {
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGTERM, SIGINT,
                             SIGHUP, SIGALRM, SIGCHLD})
        std::signal(number, SIG_DFL);
    set_limit(RLIMIT_CORE, 0);
}

void limit_memory(std::size_t more) {
    if (const std::size_t now = mapped_bytes(); now > 0)
        set_limit(RLIMIT_AS, now + more);
}

void limit_cpu(std::chrono::seconds most) {
    // The hard limit is a second later: the soft one gives a signal that says what it was.
    rlimit limit{static_cast<rlim_t>(most.count()), static_cast<rlim_t>(most.count() + 1)};
    setrlimit(RLIMIT_CPU, &limit);
}

void drop_rights(const std::vector<int>& keep) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    syscall(SYS_capset, &header, none);
    if (sanitized)
        return;
    std::vector<int> kept(keep);
    std::sort(kept.begin(), kept.end());
    int next = 0;
    for (const int fd : kept) {
        close_range_of(next, fd - 1);
        next = fd + 1;
    }
    close_range_of(next, INT_MAX);
}

void stand_in_at(int place) {
    constexpr off_t larger_than_any_map = off_t{1} << 40; // sparse: of it exists what is written
    const int memory = memfd_create("dynmon-nothing", 0);
    if (memory < 0 || ftruncate(memory, larger_than_any_map) != 0 || dup2(memory, place) < 0)
        return; // then what is prepared there ends early
    if (memory != place)
        ::close(memory);
}

void allow_only_memory(bool pretended_kernel) {
    if (architecture == 0 || (sanitized && !pretended_kernel))
        return;
    Filter filter;
    if (pretended_kernel) {
        filter.answer(SYS_bpf, succeed);
        filter.answer(SYS_close, succeed);
        filter.allow({SYS_read, SYS_pread64, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_fcntl,
                      SYS_faccessat, SYS_faccessat2, SYS_readlinkat});
        filter.allow_reading();
    }
    filter.allow({SYS_write, SYS_exit_group, SYS_exit, SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap,
                  SYS_mprotect, SYS_madvise, SYS_futex, SYS_rt_sigprocmask, SYS_rt_sigreturn,
                  SYS_getpid, SYS_gettid, SYS_getrandom, SYS_clock_gettime, SYS_uname});
    filter.install(sanitized ? SECCOMP_RET_ALLOW : refuse);
}

} // namespace dynmon
