// SPDX-License-Identifier: BSD-2-Clause
#include "base/log.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include <pthread.h>

#include <bpf/libbpf.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

#include "base/json_text.hpp"
#include "base/text.hpp"

namespace dynmon::log {

namespace {

// Several threads of dynmon-serve write. One that forks a sandbox waits until no other does: the
// child would have the lock of a thread that it does not have.
std::mutex writing;

// A logger of our own: a program that uses libdynmon keeps its default logger to itself.
spdlog::logger& logger() {
    static const auto instance = [] {
        auto created = std::make_shared<spdlog::logger>(
            "dynmon", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_st>());
        created->set_pattern("%n: %^%l%$: %v");
        ::pthread_atfork([] { writing.lock(); }, [] { writing.unlock(); },
                         [] { writing.unlock(); });
        return created;
    }();
    return *instance;
}

bool as_json = false;

void say(spdlog::level::level_enum level, const char* kind, const std::string& message) {
    const std::string text =
        as_json ? json_text(nlohmann::ordered_json{{kind, message}}) : printable_message(message);
    const std::lock_guard lock(writing);
    logger().log(level, "{}", text);
}

} // namespace

void set_json() {
    as_json = true;
    logger().set_pattern("%v");
}

void set_verbose(bool verbose) {
    if (verbose)
        logger().set_level(spdlog::level::debug);
}

void set_quiet(bool quiet) {
    if (quiet)
        logger().set_level(spdlog::level::warn);
}

void debug(const std::string& message) {
    say(spdlog::level::debug, "debug", message);
}

void info(const std::string& message) {
    say(spdlog::level::info, "info", message);
}

void warn(const std::string& message) {
    say(spdlog::level::warn, "warning", message);
}

} // namespace dynmon::log

namespace dynmon {

namespace {
thread_local LibbpfLog* innermost = nullptr;
}

struct LibbpfLogSink {
    // Warnings only: at debug level libbpf tells the story of every relocation.
    static int print(libbpf_print_level level, const char* format, va_list arguments) {
        if (level != LIBBPF_WARN || innermost == nullptr)
            return 0;
        char* line = nullptr;
        const int length = vasprintf(&line, format, arguments);
        if (length > 0)
            innermost->text_.append(line, static_cast<std::size_t>(length));
        std::free(line);
        return length;
    }
};

LibbpfLog::LibbpfLog() : outer_(innermost) {
    innermost = this;
    libbpf_set_print(LibbpfLogSink::print);
}

LibbpfLog::~LibbpfLog() {
    innermost = outer_;
}

std::string last_complaint(std::string_view log) {
    constexpr std::string_view prefix = "libbpf: ";
    std::string_view best;
    for (std::size_t start = 0; start < log.size();) {
        const std::size_t end = std::min(log.find('\n', start), log.size());
        const std::string_view line = log.substr(start, end - start);
        if (line.starts_with(prefix) && !line.starts_with("libbpf: failed to load object"))
            best = line.substr(prefix.size());
        start = end + 1;
    }
    return std::string(best);
}

} // namespace dynmon
