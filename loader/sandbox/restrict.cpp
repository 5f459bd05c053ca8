// SPDX-License-Identifier: BSD-2-Clause
#include "sandbox/restrict.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>

#include <fcntl.h>
#include <seccomp.h>
#include <ucontext.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/error.hpp"
#include "sandbox/confine.hpp"

namespace dynmon {

namespace {

// Whether a handler can let a refused call return. Elsewhere there is no filter: it was
// never tried there.
#if defined(__x86_64__)
constexpr bool known_architecture = true;
void set_result(ucontext_t& context, long result) {
    context.uc_mcontext.gregs[REG_RAX] = result;
}
#elif defined(__aarch64__)
constexpr bool known_architecture = true;
void set_result(ucontext_t& context, long result) {
    context.uc_mcontext.regs[0] = static_cast<unsigned long long>(result);
}
#elif defined(__riscv) && __riscv_xlen == 64
constexpr bool known_architecture = true;
void set_result(ucontext_t& context, long result) {
    context.uc_mcontext.__gregs[REG_A0] = static_cast<unsigned long>(result);
}
#else
constexpr bool known_architecture = false;
void set_result(ucontext_t&, long) {}
#endif

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

RefusedCalls* noted = nullptr; // by the process that stays harmless

// The kernel sends SIGSYS in the place of a refused call.
void refuse_call(int, siginfo_t* info, void* context) {
    noted->add(info->si_syscall);
    set_result(*static_cast<ucontext_t*>(context), -EPERM);
}

void handle_refusals(RefusedCalls& refused) {
    noted = &refused;
    struct sigaction action {};
    action.sa_sigaction = refuse_call;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSYS, &action, nullptr);
    sigset_t sent;
    sigemptyset(&sent);
    sigaddset(&sent, SIGSYS);
    sigprocmask(SIG_UNBLOCK, &sent, nullptr);
}

void pretend_kernel(SeccompFilter& filter) {
    constexpr std::uint32_t succeed = SCMP_ACT_ERRNO(0);
    // libbpf goes through the ids of BTF until there is no more: here there is none.
    constexpr std::uint64_t first = BPF_PROG_GET_NEXT_ID, last = BPF_LINK_GET_NEXT_ID;
    for (std::uint64_t command = first; command <= last; ++command)
        filter.answer("bpf",
                      command == BPF_PROG_GET_NEXT_ID || command == BPF_MAP_GET_NEXT_ID ||
                              command == BPF_BTF_GET_NEXT_ID || command == BPF_LINK_GET_NEXT_ID
                          ? SCMP_ACT_ERRNO(ENOENT)
                          : succeed,
                      {is(0, command)});
    filter.answer("bpf", succeed, {{0, SCMP_CMP_LT, first, 0}});
    filter.answer("bpf", succeed, {{0, SCMP_CMP_GT, last, 0}});
    filter.answer("close", succeed, {is(0, 0)});
    filter.allow("close", {{0, SCMP_CMP_NE, 0, 0}});
}

} // namespace

// Numbers of calls, from the first on.
struct RefusedCalls::Page {
    static constexpr std::size_t most = 64;
    std::atomic<std::size_t> count;
    std::atomic<int> numbers[most];
};

RefusedCalls::RefusedCalls() {
    void* memory =
        mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw Error(ErrorKind::failed, "map memory to share with a child", errno);
    page_ = new (memory) Page{};
}

RefusedCalls::~RefusedCalls() {
    munmap(page_, sizeof(Page));
}

void RefusedCalls::add(int number) {
    const std::size_t known = std::min(page_->count.load(), Page::most);
    for (std::size_t i = 0; i < known; ++i)
        if (page_->numbers[i] == number)
            return;
    if (known == Page::most)
        return;
    page_->numbers[known] = number;
    page_->count = known + 1;
}

std::vector<std::string> RefusedCalls::names() const {
    std::vector<std::string> names;
    // A child that went astray may have written anything here.
    const std::size_t count = std::min(page_->count.load(), Page::most);
    for (std::size_t i = 0; i < count; ++i) {
        const int number = page_->numbers[i];
        const std::unique_ptr<char, decltype(&std::free)> name(
            seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), std::free);
        names.push_back(name ? name.get() : "system call " + std::to_string(number));
    }
    return names;
}

void die_of_crashes() {
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGXFSZ, SIGTERM,
                             SIGINT, SIGHUP, SIGALRM, SIGCHLD})
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

void limit_files(std::size_t size) {
    set_limit(RLIMIT_FSIZE, size);
}

void drop_all_but(const std::vector<int>& keep) {
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
    constexpr off_t larger_than_any_map = off_t{1} << 40; // sparse: only what is written exists
    const int memory = memfd_create("dynmon-nothing", 0);
    if (memory < 0 || ftruncate(memory, larger_than_any_map) != 0 || dup2(memory, place) < 0)
        return; // then what is prepared there ends early
    if (memory != place)
        ::close(memory);
}

void stay_harmless(bool pretended_kernel, RefusedCalls& refused) {
    if (!known_architecture || (sanitized && !pretended_kernel))
        return;
    handle_refusals(refused);
    SeccompFilter filter(sanitized ? SCMP_ACT_ALLOW : SCMP_ACT_TRAP);
    if (pretended_kernel)
        pretend_kernel(filter);
    else
        filter.allow("close");
    if (!sanitized) {
        constexpr std::uint64_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
        allow_harmless(filter);
        filter.allow("open", {has_none_of(1, writing)});
        filter.allow("openat", {has_none_of(2, writing)});
        // A refused call while SIGSYS is blocked would end the process, and posix_spawn(3) blocks
        // all signals before it makes a process: nothing is ever blocked.
        filter.answer("rt_sigprocmask", SCMP_ACT_ERRNO(0));
    }
    filter.install();
}

} // namespace dynmon
