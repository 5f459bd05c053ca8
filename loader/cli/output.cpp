#include "cli/output.hpp"

#include <csignal>
#include <string_view>
#include <utility>

#include <time.h>
#include <unistd.h>

#include "base/error.hpp"

namespace dynmon {

void OutputOptions::declare(CLI::App& app, const std::vector<std::string>& formats) {
    app.add_option("--format", format, "how to print; default: table")
        ->check(CLI::IsMember(formats));
    app.add_flag("--raw", raw, "bare integers as they are stored, exact and reversible");
    app.add_flag("--value-only", value_only, "just the value, without names and window");
    app.add_option("--u64", u64,
                   "json: integers of more than 53 bits as number or string; default: number")
        ->check(CLI::IsMember({"number", "string"}));
    app.add_option("--sort", sort, "table: column to sort by, with a leading - from high to low");
    app.add_option("--top", top, "table: only that many rows")->type_name("N");
    app.add_option("--jobs", jobs, "2: read large maps ahead on a second CPU while printing")
        ->check(CLI::Range(1, 2))
        ->type_name("N");
}

ExportOptions OutputOptions::options(bool json) const {
    ExportOptions options{.raw = raw,
                          .value_only = value_only,
                          .wide_as_text = u64 == "string",
                          .sort = sort,
                          .top = top};
    constexpr std::pair<std::string_view, Format> formats[] = {
        {"json", Format::json},     {"jsonl", Format::jsonl},
        {"dynmon", Format::dynmon}, {"csv", Format::csv},
        {"npy", Format::npy},       {"npz", Format::npz},
        {"table", Format::table},   {"openmetrics", Format::openmetrics}};
    for (const auto& [name, value] : formats)
        if (name == (json ? "json" : format))
            options.format = value;
    const bool binary = options.format == Format::npy || options.format == Format::npz;
    if (binary && isatty(STDOUT_FILENO))
        throw Error(ErrorKind::usage, format + " is not for a terminal")
            .hint("write it to a file: … > metrics." + format);
    return options;
}

namespace {

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int signal_number) {
    stop_requested = 1;
    std::signal(signal_number, SIG_DFL);
}

} // namespace

StopOnSignal::StopOnSignal() {
    struct sigaction action {};
    action.sa_handler = request_stop;
    action.sa_flags = 0; // no SA_RESTART: a sleep is to end
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

StopOnSignal::~StopOnSignal() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

bool StopOnSignal::stopped() const {
    return stop_requested != 0;
}

void StopOnSignal::sleep_until(std::uint64_t deadline_ns) const {
    const timespec deadline{.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000),
                            .tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000)};
    while (!stopped() &&
           clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
        // another signal than ours
    }
}

} // namespace dynmon
