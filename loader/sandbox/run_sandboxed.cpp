// SPDX-License-Identifier: BSD-2-Clause
#include "sandbox/run_sandboxed.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <mutex>
#include <new>
#include <set>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "sandbox/restrict.hpp"

namespace dynmon {

namespace {

// What sandboxes have refused without ending a sandbox, by name.
std::mutex refused_mutex;
std::set<std::string> refused_so_far;

constexpr std::size_t longest_report = 1u << 20; // of a child that may be hostile by now
constexpr char end_mark = '\n';                  // no report without it is whole

// What the child says when it comes to an end, field by field, each with its length.
class Report {
public:
    void add(const std::string& field) { text_ += std::to_string(field.size()) + ":" + field; }
    void send(int fd) {
        text_ += end_mark;
        for (std::size_t sent = 0; sent < text_.size();) {
            const ssize_t count = ::write(fd, text_.data() + sent, text_.size() - sent);
            if (count <= 0)
                return;
            sent += static_cast<std::size_t>(count);
        }
    }

    static std::vector<std::string> fields(const std::string& text) {
        std::vector<std::string> fields;
        std::size_t at = 0;
        while (at < text.size() && text[at] != end_mark) {
            const std::size_t colon = text.find(':', at);
            if (colon == std::string::npos || colon - at > 7)
                return {};
            const std::size_t size = std::strtoul(text.c_str() + at, nullptr, 10);
            if (size > text.size() - colon - 1)
                return {};
            fields.push_back(text.substr(colon + 1, size));
            at = colon + 1 + size;
        }
        if (at + 1 != text.size())
            return {};
        return fields;
    }

private:
    std::string text_;
};

Report report_of(const Error& error) {
    Report report;
    report.add("error");
    report.add(std::to_string(static_cast<int>(error.kind())));
    report.add(std::to_string(error.error_number()));
    report.add(error.hint());
    for (const std::string& step : error.chain())
        report.add(step);
    return report;
}

[[noreturn]] void run_child(int pipe, pid_t parent, const SandboxOptions& options,
                            RefusedCalls& refused, const std::function<void()>& body) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1); // the parent is gone
    die_of_crashes();
    limit_memory(options.memory);
    limit_cpu(options.cpu);
    std::vector<int> keep(options.keep);
    keep.push_back(pipe);
    if (options.pretended_kernel) {
        stand_in_at(0);
        keep.push_back(0);
    }
    limit_files(options.memory); // only files in memory can grow
    Report report;
    try {
        drop_all_but(keep);
        stay_harmless(options.pretended_kernel, refused);
        body();
        report.add("good");
    } catch (const Error& error) {
        report = report_of(error);
    } catch (const std::bad_alloc&) {
        report.add("memory");
    } catch (const std::exception& error) {
        report = report_of(Error(ErrorKind::failed, error.what()));
    }
    report.send(pipe);
    _exit(0);
}

// Until the child closes its end; false when it takes too long.
bool read_report(int pipe, std::chrono::steady_clock::time_point deadline, std::string& text) {
    while (text.size() < longest_report) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0)
            return false;
        pollfd waiting{pipe, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno != EINTR)
            throw Error(ErrorKind::failed, "wait for the child that tries libbpf", errno);
        if (ready <= 0)
            continue;
        char buffer[4096];
        const ssize_t count = ::read(pipe, buffer, sizeof buffer);
        if (count == 0)
            return true;
        if (count > 0)
            text.append(buffer, static_cast<std::size_t>(count));
        else if (errno != EINTR)
            throw Error(ErrorKind::failed, "read from the child that tries libbpf", errno);
    }
    return false;
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return 0; // the process ignores SIGCHLD; the report says enough
    }
    return status;
}

std::string signal_name(int number) {
    const char* name = sigabbrev_np(number);
    return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(number);
}

std::string beyond_memory(const SandboxOptions& options) {
    return "asked for more than " + std::to_string(options.memory >> 20) + " MiB";
}

std::string ending_of(const SandboxOptions& options, int status, bool in_time) {
    if (!in_time)
        return "did not end within " + std::to_string(options.patience.count()) + " seconds";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return "did not end within " + std::to_string(options.cpu.count()) + " seconds of CPU time";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
        return beyond_memory(options);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return "was ended by the sandbox around it (SIGSYS)";
    if (WIFSIGNALED(status))
        return "crashed (" + signal_name(WTERMSIG(status)) + ")";
    return "crashed (exit code " + std::to_string(WEXITSTATUS(status)) + ")";
}

int number_in(const std::string& text) { // 0: none
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

Error error_in(const std::vector<std::string>& fields) {
    const int kind = number_in(fields[1]);
    Error error(kind >= 1 && kind <= 5 ? static_cast<ErrorKind>(kind) : ErrorKind::failed,
                fields.back(), number_in(fields[2]));
    for (std::size_t i = fields.size() - 1; i > 4; --i)
        error.during(fields[i - 1]);
    error.hint(fields[3]);
    return error;
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::string refusal_of(const std::vector<std::string>& calls) {
    return "the sandbox around libbpf refuses " + joined(calls);
}

// libbpf went on without, which is well here; but it does something else than it will do outside.
void remember_refused(const std::vector<std::string>& calls) {
    const std::scoped_lock lock(refused_mutex);
    std::vector<std::string> fresh;
    for (const std::string& call : calls)
        if (refused_so_far.insert(call).second)
            fresh.push_back(call);
    if (!fresh.empty())
        log::warn(refusal_of(fresh) + ", and libbpf goes on without; " + refusal_advice());
}

// Whatever the error says, that a call was refused may be why: a fault of dynmon then, not of the
// input.
[[noreturn]] void throw_error(const Error& error, const std::vector<std::string>& refused) {
    if (refused.empty())
        throw error;
    throw Error(error).as(ErrorKind::failed).during(refusal_of(refused)).hint(refusal_advice());
}

} // namespace

std::vector<std::string> refused_in_sandboxes() {
    const std::scoped_lock lock(refused_mutex);
    return {refused_so_far.begin(), refused_so_far.end()};
}

std::string refusal_advice() {
    return "report this as a fault of dynmon, with the version of libbpf (" +
           std::string(libbpf_version_string()) + ")";
}

void run_sandboxed(const std::string& what, const SandboxOptions& options,
                   const std::function<void()>& body) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw Error(ErrorKind::failed, "make a pipe", errno);
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    RefusedCalls refused;
    const pid_t parent = getpid();
    const pid_t child = ::fork();
    if (child < 0)
        throw Error(ErrorKind::failed, "make a process to try " + what, errno);
    if (child == 0)
        run_child(writing.get(), parent, options, refused, body);
    writing.reset();

    std::string text;
    const bool in_time =
        read_report(reading.get(), std::chrono::steady_clock::now() + options.patience, text);
    if (!in_time)
        ::kill(child, SIGKILL);
    const int status = wait_for(child);
    const std::vector<std::string> fields = Report::fields(text);
    if (fields.size() == 1 && fields[0] == "good") {
        remember_refused(refused.names());
        return;
    }
    if (fields.size() >= 5 && fields[0] == "error")
        throw_error(error_in(fields), refused.names());
    const bool memory = fields.size() == 1 && fields[0] == "memory";
    throw_error(
        Error(ErrorKind::rejected,
              what + " " + (memory ? beyond_memory(options) : ending_of(options, status, in_time)))
            .hint("it was tried in a process of its own: nothing was loaded"),
        refused.names());
}

} // namespace dynmon
