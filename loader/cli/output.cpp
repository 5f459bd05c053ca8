// SPDX-License-Identifier: BSD-2-Clause
#include "cli/output.hpp"

#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include <time.h>
#include <unistd.h>

#include "base/error.hpp"
#include "cli/options.hpp"
#include "format/export_options.hpp"
#include "format/rows.hpp"
#include "kernel/machine.hpp"

namespace dynmon {

void OutputOptions::declare(CLI::App& app, bool FormatRow::*printable) {
    std::vector<std::string> formats;
    for (const Format one : all_formats())
        if (printable == nullptr || one.has(printable))
            formats.emplace_back(one->name);
    app.add_option("--format", format, "how to print; default: table")
        ->check(CLI::IsMember(formats));
    app.add_flag("--raw", raw, "bare integers as they are stored, exact and reversible");
    app.add_flag("--value-only", value_only,
                 names_of_formats(&FormatRow::value_only, ", ") +
                     ": just the value, without names and window");
    declare_u64(app, u64);
    app.add_flag("--csv-safe", csv_safe,
                 names_of_formats(&FormatRow::csv_safe, ", ") +
                     ": put a ' before texts that a spreadsheet would run (= + - @ first)");
    declare_where(app, where, "entries");
    app.add_option("--sort", sort, "columns to sort by, each with a leading - from high to low")
        ->type_name("A,-B")
        ->check([](const std::string& text) { return text.empty() ? "no column" : ""; });
    app.add_option("--top", top, "only the first N entries of each metric")
        ->type_name("N")
        ->check(at_least_one());
    declare_columns(app, columns);
    auto* ahead = app.add_option("--read-ahead", jobs,
                                 "2: read large maps ahead on a second CPU while printing")
                      ->check(CLI::Range(1, 2))
                      ->type_name("N");
    hide(app.add_option("--jobs", jobs)->check(CLI::Range(1, 2))->excludes(ahead));
}

void declare_u64(CLI::App& app, std::string& u64) {
    app.add_option("--u64", u64,
                   names_of_formats(&FormatRow::wide_as_text, ", ") +
                       ": integers of more than 53 bits as number or string; default: number")
        ->check(CLI::IsMember({"number", "string"}));
}

void declare_where(CLI::App& app, std::string& where, const std::string& of_what) {
    app.add_option("--where", where,
                   "only " + of_what +
                       " that meet a condition, such as 'dport == 443 && bytes > 1MB'; see below")
        ->type_name("CONDITION")
        ->check([](const std::string& text) { return text.empty() ? "no condition" : ""; });
}

void declare_columns(CLI::App& app, std::vector<std::string>& columns) {
    app.add_option("--columns", columns, "only these fields, in this order")
        ->type_name("A,B,C")
        ->delimiter(',')
        ->expected(1)
        ->take_all();
}

void OutputOptions::declare_of_windows(CLI::App& app) {
    app.add_flag("--rate", rate, "show what adds up as a rate per second of the window");
    app.add_flag("--no-origin", no_origin,
                 names_of_formats(&FormatRow::origin, ", ") +
                     ": rows without host, monitor, device, namespace, from and to");
    app.add_option("--add", added,
                   "KEY=VALUE: " + names_of_formats(&FormatRow::origin, ", ") +
                       ": a column of every row; json: in `added` (repeatable)")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
    knows_windows_ = true;
}

// An option that the format has no place for is a mistake, not something to pass over.
void OutputOptions::require_use(const ExportOptions& options) const {
    const auto require = [&](bool used, const std::string& option, bool FormatRow::*property) {
        if (!used || options.format.has(property))
            return;
        const std::string names = names_of_formats(property);
        throw Error(ErrorKind::usage, option + " is for " + names)
            .hint("--format " + names.substr(0, names.find_first_of(", ")) + " " + option);
    };
    for (const auto& [used, option] :
         {std::pair(no_origin, "--no-origin"), std::pair(!added.empty(), "--add")})
        if (used && value_only)
            throw Error(ErrorKind::usage, std::string(option) + " does not go with --value-only")
                .hint("leave one of them out: values alone say nothing of where they come from");
    require(no_origin, "--no-origin", &FormatRow::origin);
    require(!added.empty(), "--add", &FormatRow::added);
    require(value_only, "--value-only", &FormatRow::value_only);
    require(options.wide_as_text, "--u64 string", &FormatRow::wide_as_text);
    require(csv_safe, "--csv-safe", &FormatRow::csv_safe);
    if (raw && !options.format->raw)
        throw Error(ErrorKind::usage, "--raw does not go with --format " + format)
            .hint("its labels are for people");
}

void OutputOptions::add_origin(ExportOptions& options) const {
    if (knows_windows_ && !no_origin)
        options.host = host_name();
    for (const std::string& text : added) {
        const std::size_t at = text.find('=');
        if (at == std::string::npos)
            throw Error(ErrorKind::usage, "--add '" + text + "' is not KEY=VALUE")
                .hint("--add site=lab");
        options.added.emplace_back(text.substr(0, at), text.substr(at + 1));
    }
    require_added(options.added);
}

ExportOptions OutputOptions::options(bool json) const {
    const char* const usual = json ? "json" : "table";
    ExportOptions options{.format = format_of(format.empty() ? usual : format),
                          .raw = raw,
                          .value_only = value_only,
                          .wide_as_text = u64 == "string",
                          .csv_safe = csv_safe,
                          .where = where,
                          .sort = sort,
                          .top = top,
                          .columns = columns,
                          .rate = rate};
    require_use(options);
    add_origin(options);
    if (options.format->is_binary && isatty(STDOUT_FILENO))
        throw Error(ErrorKind::usage, format + " is not for a terminal")
            .hint("write it to a file: … > metrics." + format);
    return options;
}

const char* const condition_help =
    "\nConditions:\n"
    "  FIELD == != < <= > >= VALUE   FIELD in (VALUE, …)   TEXT ~ \"eth*\"   TEXT contains \"x\"\n"
    "  FLAGS & SYN|ACK (any of the bits)   FIELD (is not 0)   joined by && || ! ( )\n"
    "  PREFIX in 10.0.0.0/8 (the key of a trie: lies within)   PREFIX == 10.1.0.0/16 (that very "
    "one)\n"
    "  A field is key.dport, value.stats.bytes, value.ports[2], or dport where only one of key "
    "and\n"
    "  value has it; an array without an index: any element; CPUs kept apart: any CPU.\n"
    "  A value is 443, -1, 0xff, 1_000, 64KB (10^3), 64KiB (2^10), 1.5, 10.0.0.1, fd00::/8,\n"
    "  02:00:00:00:00:01, TCP, SYN|ACK, a name of an enum, a state or an interface, 5ms, now-5m,\n"
    "  2026-11-21T01:02:03Z, true or a \"text\"; of a trie's key 10.0.0.0/8 is just that prefix.\n"
    "  It is held against what is stored, before --rate, and must fit the field's "
    "type.";

std::uint64_t monotonic_ns() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

void repeat(const std::string& interval, std::uint64_t count, const std::function<void()>& body) {
    const auto step = static_cast<std::uint64_t>(parse_duration(interval, "--interval").count());
    if (step == 0)
        throw Error(ErrorKind::usage, "--interval must be longer than 0");
    const StopOnSignal signals;
    std::uint64_t next = monotonic_ns();
    for (std::uint64_t round = 0; count == 0 || round < count; ++round) {
        next += step;
        signals.sleep_until(next);
        if (stop_requested())
            break;
        body();
    }
}

namespace {

volatile std::sig_atomic_t signalled = 0;

void request_stop(int signal_number) {
    signalled = 1;
    std::signal(signal_number, SIG_DFL);
}

} // namespace

StopOnSignal::StopOnSignal() {
    struct sigaction action {};
    action.sa_handler = request_stop;
    action.sa_flags = 0; // no SA_RESTART: a sleep is to end
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    struct sigaction hangup {};
    sigaction(SIGHUP, nullptr, &hangup);
    ends_on_hangup_ = hangup.sa_handler != SIG_IGN; // nohup
    if (ends_on_hangup_)
        sigaction(SIGHUP, &action, nullptr);
}

StopOnSignal::~StopOnSignal() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (ends_on_hangup_)
        std::signal(SIGHUP, SIG_DFL);
}

bool stop_requested() {
    return signalled != 0;
}

void StopOnSignal::sleep_until(std::uint64_t deadline_ns) const {
    const timespec deadline{.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000),
                            .tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000)};
    while (!stop_requested() &&
           clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
        // another signal than ours
    }
}

} // namespace dynmon
