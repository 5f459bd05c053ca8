// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "base/error.hpp"
#include "sandbox/restrict.hpp"
#include "sandbox/run_sandboxed.hpp"

using namespace dynmon;

namespace {

// The Error of a sandbox; fails the test when there is none.
Error fault(const std::function<void()>& body, const SandboxOptions& options = {}) {
    try {
        run_sandboxed("it", options, body);
    } catch (const Error& error) {
        CHECK(::waitpid(-1, nullptr, WNOHANG) == -1); // no child is left, dead or alive
        return error;
    }
    FAIL("the sandboxed code ended well");
    return Error(ErrorKind::failed, "");
}

void require(bool condition, const char* what) {
    if (!condition)
        throw Error(ErrorKind::failed, std::string(what) + " (" + std::strerror(errno) + ")");
}

// What the optimizer cannot see through.
template <typename Value>
Value opaque(Value value) {
    asm volatile("" : "+r"(value));
    return value;
}

// The sanitizers would say so, and end the process in their own way.
__attribute__((no_sanitize("address", "undefined"))) void crash_now() {
    *opaque(static_cast<volatile int*>(nullptr)) = 1;
}

struct Attempt {
    const char* name; // of the system call
    long (*call)();
};

// What a sandbox must not do: nothing here may have an effect where it is allowed by mistake.
std::vector<Attempt> forbidden_attempts() {
    return {
        {"openat", [] { return long{::open("/dev/null", O_WRONLY)}; }},
        {"openat", [] { return long{::open("/dev/null", O_RDWR)}; }},
        {"openat", [] { return long{::open("/nothing/x", O_RDONLY | O_CREAT, 0600)}; }},
        {"openat", [] { return long{::open("/dev/null", O_RDONLY | O_TRUNC)}; }},
        {"openat2", [] { return ::syscall(SYS_openat2, -1, "", nullptr, 0); }},
        {"unlinkat", [] { return long{::unlinkat(AT_FDCWD, "/nothing", 0)}; }},
        {"renameat2",
         [] { return ::syscall(SYS_renameat2, AT_FDCWD, "/nothing", AT_FDCWD, "/x", 0); }},
        {"mkdirat", [] { return long{::mkdirat(AT_FDCWD, "/nothing/x", 0700)}; }},
        {"fchmodat", [] { return ::syscall(SYS_fchmodat, AT_FDCWD, "/nothing", 0); }},
        {"fchmod", [] { return long{::fchmod(-1, 0)}; }},
        {"fchown", [] { return long{::fchown(-1, 0, 0)}; }},
        {"socket", [] { return long{::socket(AF_INET, SOCK_STREAM, 0)}; }},
        {"socketpair", [] { return long{::socketpair(AF_UNIX, SOCK_STREAM, 0, nullptr)}; }},
        {"connect", [] { return long{::connect(-1, nullptr, 0)}; }},
        {"clone", [] { return long{::fork()}; }},
        {"clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); }},
        {"execve", [] { return ::syscall(SYS_execve, "/nothing", nullptr, nullptr); }},
        {"kill", [] { return long{::kill(::getppid(), 0)}; }},
        {"tgkill", [] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }},
        {"tkill", [] { return ::syscall(SYS_tkill, ::getppid(), 0); }},
        {"fcntl", [] { return long{::fcntl(2, F_SETOWN, ::getppid())}; }},
        {"fcntl", [] { return long{::fcntl(2, F_SETLK, nullptr)}; }},
        {"prlimit64", [] { return long{::prlimit(::getppid(), RLIMIT_CPU, nullptr, nullptr)}; }},
        {"ptrace", [] { return ::ptrace(PTRACE_PEEKDATA, ::getppid(), nullptr, nullptr); }},
        {"process_vm_readv", [] { return ::syscall(SYS_process_vm_readv, ::getppid(), 0, 0, 0); }},
        {"ioctl", [] { return long{::ioctl(2, TIOCSTI, nullptr)}; }},
        {"prctl", [] { return long{::prctl(PR_SET_PDEATHSIG, 0)}; }},
        {"mount", [] { return long{::mount("", "/nothing", "", 0, nullptr)}; }},
        {"unshare", [] { return long{::unshare(CLONE_NEWNET)}; }},
        {"setuid", [] { return ::syscall(SYS_setuid, ::getuid()); }},
        {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, 0, -1, 0); }},
        {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 0, nullptr); }},
        {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
    };
}

// Whether `text` lists the system call.
bool names_call(const std::string& text, const std::string& name) {
    return (text + ",").find(" " + name + ",") != std::string::npos;
}

// From here on both ways to install a filter fail, as in a kernel that has none.
void forbid_seccomp() {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
    };
    const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        ::_exit(6);
}

} // namespace

TEST_CASE("what ends well in a sandbox has no effect outside of it") {
    int touched = 0;
    run_sandboxed("it", {}, [&] { touched = 1; });
    CHECK(touched == 0);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("an Error of a sandbox comes out whole, however long") {
    const std::string words = "a: b\n12:" + std::string(100'000, 'x');
    const Error error = fault([&] {
        Error inner(ErrorKind::busy, words, ENOENT);
        throw inner.during("middle").during("outer").hint("do this\nand that");
    });
    CHECK(error.kind() == ErrorKind::busy);
    CHECK(error.error_number() == ENOENT);
    CHECK(error.chain() == std::vector<std::string>{"outer", "middle", words});
    CHECK(error.hint() == "do this\nand that");
    CHECK(fault([] { throw std::runtime_error("odd"); }).what() == std::string("odd"));
}

TEST_CASE("a crash, an abort and a silent end are errors that say so") {
    const Error crash = fault(crash_now);
    CHECK(crash.kind() == ErrorKind::rejected);
    CHECK(crash.what() == std::string("it crashed (SIGSEGV)"));
    CHECK(crash.hint() == "it was tried in a process of its own: nothing was loaded");
    CHECK(std::string(fault([] { std::abort(); }).what()).starts_with("it crashed (SIG"));
    CHECK(fault([] { ::_exit(0); }).what() == std::string("it crashed (exit code 0)"));
    CHECK(fault([] { ::_exit(7); }).what() == std::string("it crashed (exit code 7)"));
}

TEST_CASE("handlers of the process do not turn a crash into a good end") {
    const auto before = std::signal(SIGSEGV, [](int) { ::_exit(0); });
    const Error crash = fault(crash_now);
    std::signal(SIGSEGV, before);
    CHECK(crash.what() == std::string("it crashed (SIGSEGV)"));
}

TEST_CASE("a hang ends: one that computes by CPU time, one that waits by the clock") {
    const auto start = std::chrono::steady_clock::now();
    CHECK(fault(
              [] {
                  while (opaque(true)) {
                  }
              },
              {.cpu = std::chrono::seconds(1)})
              .what() == std::string("it did not end within 1 seconds of CPU time"));
    CHECK(fault(
              [] {
                  int word = 0; // nothing wakes it
                  ::syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, nullptr, nullptr, 0);
              },
              {.patience = std::chrono::seconds(1)})
              .what() == std::string("it did not end within 1 seconds"));
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
}

TEST_CASE("memory without end is refused long before the machine has none") {
    const Error error = fault(
        [] {
            std::vector<std::vector<char>> all;
            while (opaque(true))
                all.emplace_back(std::size_t{8} << 20, 'x');
        },
        {.memory = 64u << 20});
    CHECK(error.kind() == ErrorKind::rejected);
    if constexpr (!sanitized) // which end the process themselves
        CHECK(error.what() == std::string("it asked for more than 64 MiB"));
}

TEST_CASE("a sandbox has no rights, no descriptors and no processes, and changes no file") {
    if constexpr (sanitized)
        return;
    int open_before[2];
    REQUIRE(::pipe(open_before) == 0);
    const Error error = fault([&] {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct held[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
        require(::syscall(SYS_capget, &header, held) == 0 && held[0].effective == 0 &&
                    held[0].permitted == 0 && held[1].effective == 0 && held[1].permitted == 0,
                "capget");
        require(::write(open_before[1], "x", 1) == -1 && errno == EBADF, "write to a descriptor");
        require(::write(1, "x", 1) == -1 && errno == EBADF, "write to stdout");
        const std::vector<Attempt> attempts = forbidden_attempts();
        for (const Attempt& attempt : attempts)
            require(attempt.call() == -1 && errno == EPERM, attempt.name);
        throw Error(ErrorKind::usage, "end of the list");
    });
    ::close(open_before[0]);
    ::close(open_before[1]);
    CHECK(error.chain().back() == "end of the list"); // and not an attempt that succeeded
    CHECK(error.kind() == ErrorKind::failed);         // a refused call is not the user's mistake
    for (const Attempt& attempt : forbidden_attempts())
        CHECK_MESSAGE(names_call(error.chain().front(), attempt.name), std::string(attempt.name));
}

TEST_CASE("whether signals are blocked or not, a refused call is one that fails") {
    if constexpr (sanitized)
        return;
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, &before); // as a program may have that uses libdynmon
    const Error error = fault([] {
        sigset_t every;
        ::sigfillset(&every);
        ::sigprocmask(SIG_BLOCK, &every, nullptr);
        require(::socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM, "socket");
        char* nothing[] = {nullptr};
        pid_t child = 0; // the C library blocks signals here, whatever the caller does
        require(::posix_spawn(&child, "/nothing", nullptr, nullptr, nothing, nothing) == EPERM,
                "posix_spawn");
        throw Error(ErrorKind::usage, "the end");
    });
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    CHECK(error.chain().back() == "the end");
    CHECK(error.chain().front().starts_with("the sandbox around libbpf refuses socket, clone"));
}

TEST_CASE("an error names the calls that the sandbox refused, itself and what to do") {
    if constexpr (sanitized)
        return;
    const Error swallowed = fault([] { // as libbpf may, whose errno then is another one
        ::socket(AF_INET, SOCK_STREAM, 0);
        ::socket(AF_INET6, SOCK_STREAM, 0);
        ::syscall(SYS_bpf, 0, nullptr, 0);
        throw Error(ErrorKind::failed, "libbpf refuses it", EINVAL);
    });
    CHECK(std::string(swallowed.what()) ==
          std::string("the sandbox around libbpf refuses socket, bpf: libbpf refuses it: invalid "
                      "argument (EINVAL)"));
    CHECK(swallowed.error_number() == EINVAL);
    CHECK(swallowed.hint() == refusal_advice());
    CHECK(swallowed.hint().find(libbpf_version_string()) != std::string::npos);

    const Error crash = fault([] {
        ::socket(AF_INET, SOCK_STREAM, 0);
        crash_now();
    });
    CHECK(crash.what() ==
          std::string("the sandbox around libbpf refuses socket: it crashed (SIGSEGV)"));
    CHECK(crash.kind() == ErrorKind::failed);

    constexpr int unknown = 0x3fff'fff0;
    const Error nameless = fault([] {
        require(::syscall(unknown) == -1 && errno == EPERM, "an unknown call");
        throw Error(ErrorKind::failed, "the end");
    });
    CHECK(nameless.chain().front() ==
          "the sandbox around libbpf refuses system call " + std::to_string(unknown));

    CHECK(fault([] { throw Error(ErrorKind::failed, "a fault"); }).what() ==
          std::string("a fault")); // nothing was refused: not a word of it
}

TEST_CASE("a call that is refused in a sandbox that ends well is remembered") {
    if constexpr (sanitized)
        return;
    run_sandboxed("it", {}, [] { ::open("/dev/null", O_WRONLY); });
    const std::vector<std::string> refused = refused_in_sandboxes();
    CHECK(std::count(refused.begin(), refused.end(), "openat") == 1);
}

TEST_CASE("what does no harm is allowed, whether a version of libbpf calls it or not") {
    if constexpr (sanitized)
        return;
    const auto harmless = [] {
        const int memory = ::memfd_create("memory", MFD_CLOEXEC);
        require(memory >= 0, "memfd_create");
        require(::ftruncate(memory, 4096) == 0, "ftruncate");
        void* mapped = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
        require(mapped != MAP_FAILED && ::mprotect(mapped, 4096, PROT_READ) == 0, "mmap");
        const int copy = ::fcntl(memory, F_DUPFD_CLOEXEC, 3);
        require(copy >= 3 && ::dup2(memory, copy) == copy && ::dup3(memory, copy, 0) == copy,
                "dup");
        require(::close(copy) == 0 && ::close(memory) == 0, "close");
        struct stat status {};
        require(::stat("/proc/version", &status) == 0, "stat");
        require(::access("/nothing", F_OK) == -1 && errno == ENOENT, "access");
        struct statx more {};
        require(::statx(AT_FDCWD, "/proc", 0, STATX_ALL, &more) == 0, "statx");
        struct statfs system {};
        require(::statfs("/proc", &system) == 0, "statfs");
        rlimit limit{};
        require(::getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
        cpu_set_t cpus;
        require(::sched_getaffinity(0, sizeof cpus, &cpus) == 0 && ::sched_yield() == 0, "sched");
        struct sysinfo machine {};
        require(::sysinfo(&machine) == 0, "sysinfo");
        require(::isatty(0) == 0 && errno != EPERM, "isatty");
        const timespec moment{0, 1};
        require(::nanosleep(&moment, nullptr) == 0, "nanosleep");
        char byte = 0;
        const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        require(file >= 0 && ::read(file, &byte, 1) == 1 && byte == 0x7f, "read a file");
        require(::close(file) == 0, "close");
        DIR* folder = ::opendir("/proc/self");
        require(folder != nullptr && ::readdir(folder) != nullptr, "read a folder");
        ::closedir(folder);
    };
    const std::vector<std::string> before = refused_in_sandboxes();
    run_sandboxed("it", {}, harmless);
    run_sandboxed("it", {.pretended_kernel = true}, harmless);
    CHECK(refused_in_sandboxes() == before);
}

TEST_CASE("a pretended kernel says yes to bpf(2), and files are not written there either") {
    if constexpr (sanitized)
        return;
    const Error error = fault(
        [] {
            require(::syscall(SYS_bpf, 0, nullptr, 0) == 0, "bpf");
            char byte = 0;
            require(::close(0) == 0 && ::pread(0, &byte, 1, 0) == 1, "what bpf returns stays open");
            const int file = ::open("/proc/self/exe", O_RDONLY);
            require(file > 0 && ::close(file) == 0 && ::read(file, &byte, 1) == -1 &&
                        errno == EBADF,
                    "others close");
            for (const Attempt& attempt : forbidden_attempts())
                if (std::string(attempt.name) != "bpf")
                    require(attempt.call() == -1 && errno == EPERM, attempt.name);
            throw Error(ErrorKind::usage, "end of the list");
        },
        {.pretended_kernel = true});
    CHECK(error.chain().back() == "end of the list");
    CHECK_FALSE(names_call(error.chain().front(), "bpf"));
}

TEST_CASE("memory behind a descriptor is limited too") {
    if constexpr (sanitized)
        return;
    const Error error = fault(
        [] {
            const int memory = ::memfd_create("memory", 0);
            const std::vector<char> block(std::size_t{1} << 20, 'x');
            for (int i = 0; i < 1024; ++i)
                if (::write(memory, block.data(), block.size()) < 0)
                    return;
        },
        {.memory = 64u << 20});
    CHECK(error.what() == std::string("it asked for more than 64 MiB"));
}

TEST_CASE("a kernel without seccomp filters leaves the other limits") {
    if constexpr (sanitized)
        return;
    const pid_t child = ::fork();
    if (child == 0) {
        forbid_seccomp();
        try {
            run_sandboxed("it", {}, [] {
                require(::write(1, "x", 1) == -1 && errno == EBADF, "write to stdout");
                require(::open("/dev/null", O_WRONLY) >= 0, "there is a filter");
            });
            run_sandboxed("it", {.memory = 64u << 20}, [] {
                const std::vector<char> large(std::size_t{1} << 30);
                asm volatile("" ::"r"(large.data())); // or the compiler leaves it out
            });
        } catch (const Error& error) {
            ::_exit(error.what() == std::string("it asked for more than 64 MiB") ? 7 : 8);
        }
        ::_exit(9);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}
