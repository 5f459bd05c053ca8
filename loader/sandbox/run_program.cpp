// SPDX-License-Identifier: BSD-2-Clause
#include "sandbox/run_program.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "sandbox/confine.hpp"
#include "sandbox/restrict.hpp"

namespace dynmon {

namespace {

Fd memory_file(const char* name) {
    Fd file(memfd_create(name, MFD_CLOEXEC));
    if (!file)
        throw Error(ErrorKind::failed, "make a file in memory", errno);
    return file;
}

std::string text_in(const Fd& file) {
    std::string text;
    char buffer[65536];
    for (;;) {
        const ssize_t count =
            ::pread(file.get(), buffer, sizeof buffer, static_cast<off_t>(text.size()));
        if (count <= 0)
            return text;
        text.append(buffer, static_cast<std::size_t>(count));
    }
}

// What became of the child before it was another program.
struct Start {
    int step; // 1: it could not be shut in, 2: execve
    int error_number;
};

[[noreturn]] void become_program(const ProgramCall& call, const Fd& input, const Fd& output,
                                 const Fd& errors, int said, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    setsid();
    die_of_crashes();
    std::signal(SIGPIPE, SIG_DFL);
    std::vector<std::string> words{call.file};
    words.insert(words.end(), call.arguments.begin(), call.arguments.end());
    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char path[] = "PATH=/usr/bin:/bin";
    char locale[] = "LC_ALL=C";
    char* const environment[] = {path, locale, nullptr};
    Start start{1, 0};
    if (::dup2(input.get(), 0) >= 0 && ::dup2(output.get(), 1) >= 0 &&
        ::dup2(errors.get(), 2) >= 0 && ::chdir("/") == 0) {
        const rlimit memory{call.memory, call.memory};
        if (!sanitized) // what comes before execve(2) needs more there
            setrlimit(RLIMIT_AS, &memory);
        limit_cpu(call.cpu);
        limit_files(call.output);
        const rlimit descriptors{64, 64};
        setrlimit(RLIMIT_NOFILE, &descriptors);
        drop_all_but({0, 1, 2, said});
        start.error_number = confine_program(call.readable);
        if (start.error_number == 0) {
            ::execve(call.file.c_str(), arguments.data(), environment);
            start = {2, errno};
        }
    } else {
        start.error_number = errno;
    }
    static_cast<void>(::write(said, &start, sizeof start) == sizeof start);
    _exit(127);
}

// False: it was killed because it took too long.
bool wait_until_end(pid_t child, std::chrono::seconds patience, int& status) {
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    const auto deadline = std::chrono::steady_clock::now() + patience;
    bool in_time = true;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            in_time = false;
            break;
        }
        pollfd waiting{process.get(), POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0)
            break;
    }
    if (!in_time)
        ::kill(child, SIGKILL);
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return in_time;
}

std::string ending_of(const ProgramCall& call, int status, bool in_time) {
    if (!in_time)
        return "did not end within " + std::to_string(call.patience.count()) + " seconds";
    if (!WIFSIGNALED(status))
        return "";
    switch (WTERMSIG(status)) {
    case SIGXCPU:
    case SIGKILL:
        return "did not end within " + std::to_string(call.cpu.count()) + " seconds of CPU time";
    case SIGXFSZ:
        return "wrote more than " + std::to_string(call.output >> 20) + " MiB";
    default:
        return std::string("crashed (") + strsignal(WTERMSIG(status)) + ")";
    }
}

} // namespace

ProgramResult run_program(const ProgramCall& call) {
    const Fd input = memory_file("input");
    if (const int reason = write_all(input.get(), call.input); reason != 0)
        throw Error(ErrorKind::failed, "write a file in memory", reason);
    ::lseek(input.get(), 0, SEEK_SET);
    const Fd output = memory_file("output");
    const Fd errors = memory_file("errors");
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw Error(ErrorKind::failed, "make a pipe", errno);
    const Fd heard(ends[0]);
    Fd said(ends[1]);
    const pid_t parent = getpid();
    const pid_t child = ::fork();
    if (child < 0)
        throw Error(ErrorKind::failed, "make a process for " + call.file, errno);
    if (child == 0)
        become_program(call, input, output, errors, said.get(), parent);
    said.reset();
    int status = 0;
    const bool in_time = wait_until_end(child, call.patience, status);
    Start start{};
    if (::read(heard.get(), &start, sizeof start) == sizeof start) {
        if (start.step == 1 && start.error_number == ENOSYS)
            throw Error(ErrorKind::unsupported, "this kernel has no Landlock, which would keep " +
                                                    call.file + " from other files")
                .hint("boot with landlock in lsm=, or do this on another machine");
        throw Error(ErrorKind::failed, "start " + call.file, start.error_number);
    }
    ProgramResult result;
    result.ending = ending_of(call, status, in_time);
    result.code = result.ending.empty() ? WEXITSTATUS(status) : -1;
    result.output = text_in(output);
    result.errors = text_in(errors);
    return result;
}

} // namespace dynmon
