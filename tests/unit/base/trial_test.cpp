#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.hpp"
#include "base/jail.hpp"
#include "base/trial.hpp"

using namespace dynmon;

namespace {

// The Error of a trial; fails the test when there is none.
Error fault(const std::function<void()>& body, const TrialOptions& options = {}) {
    try {
        in_trial("it", options, body);
    } catch (const Error& error) {
        CHECK(::waitpid(-1, nullptr, WNOHANG) == -1); // no child is left, dead or alive
        return error;
    }
    FAIL("the trial ended well");
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

} // namespace

TEST_CASE("what ends well in a trial has no effect outside of it") {
    int touched = 0;
    in_trial("it", {}, [&] { touched = 1; });
    CHECK(touched == 0);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("an Error of a trial comes out whole, however long") {
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
                  int word = 0; // nobody wakes it
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

TEST_CASE("a trial has no rights, no files and no processes") {
    if constexpr (sanitized)
        return;
    int open_before[2];
    REQUIRE(::pipe(open_before) == 0);
    in_trial("it", {}, [&] {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct held[2] = {};
        require(::syscall(SYS_capget, &header, held) == -1 && errno == EPERM, "capget");
        require(::write(open_before[1], "x", 1) == -1 && errno == EBADF, "write to a descriptor");
        require(::write(1, "x", 1) == -1 && errno == EBADF, "write to stdout");
        require(::open("/dev/null", O_RDONLY) == -1 && errno == EPERM, "open");
        require(::fork() == -1 && errno == EPERM, "fork");
        require(::kill(::getppid(), 0) == -1 && errno == EPERM, "kill");
        require(::socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM, "socket");
        require(::unlink("/nothing") == -1 && errno == EPERM, "unlink");
        require(::syscall(SYS_bpf, 0, nullptr, 0) == -1 && errno == EPERM, "bpf");
    });
    ::close(open_before[0]);
    ::close(open_before[1]);
}

TEST_CASE("a pretended kernel says yes to bpf(2), files can be read and not written") {
    if constexpr (sanitized)
        return;
    in_trial("it", {.pretended_kernel = true}, [] {
        require(::syscall(SYS_bpf, 0, nullptr, 0) == 0, "bpf");
        char byte = 0;
        const int file = ::open("/proc/self/exe", O_RDONLY);
        require(file >= 0 && ::read(file, &byte, 1) == 1 && byte == 0x7f, "read a file");
        require(::open("/dev/null", O_WRONLY) == -1 && errno == EPERM, "open to write");
        require(::open("/dev/null", O_RDWR) == -1 && errno == EPERM, "open to read and write");
        require(::open("/tmp/x", O_RDONLY | O_CREAT, 0600) == -1 && errno == EPERM, "make a file");
        require(::close(file) == 0 && ::read(file, &byte, 1) == 1, "close does nothing");
        require(::unlink("/nothing") == -1 && errno == EPERM, "unlink");
    });
}
