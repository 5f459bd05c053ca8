// SPDX-License-Identifier: BSD-2-Clause
// dynmon-load: one verb, one result, one exit code.
#include <cerrno>
#include <csignal>
#include <iostream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/options.hpp"
#include "cli/usage.hpp"
#include "cli/verb.hpp"
#include "format/sink.hpp"

using namespace dynmon;

namespace {

constexpr const char* description =
    "dynmon-load puts eBPF probes on network interfaces, swaps them while packets flow and reads\n"
    "their maps, decoded. All state is in bpffs: there is no daemon.";

constexpr const char* footer =
    "Exit codes: 0 ok, 1 failed (`status`, `doctor`: something is ill), 2 usage, 3 busy (another\n"
    "process or program holds it), 4 the kernel or device lacks it, 5 rejected by the verifier or\n"
    "by policy.\n"
    "`dynmon-load VERB --help` shows the options of a verb and an example; dynmon-load(1) names\n"
    "the pages of the manual.";

void print_error(const Error& error, bool json) {
    if (!json) {
        std::cerr << "dynmon-load: " << printable_message(error.what()) << "\n";
        for (const std::string& hint : error.hints())
            std::cerr << "  hint: " << printable_message(hint) << "\n";
        return;
    }
    nlohmann::ordered_json document{
        {"kind", kind_name(error.kind())}, {"message", error.what()}, {"chain", error.chain()}};
    if (error.error_number() != 0)
        document["errno"] = errno_name(error.error_number());
    if (!error.hint().empty())
        document["hint"] = error.hint();
    std::cerr << json_text(nlohmann::ordered_json{{"error", document}}) << "\n";
}

// Called for the verb that is met: the options of all verbs take longer to declare than a read.
void declare_options_of(Verb& verb, CLI::App& app) {
    verb.declare(app);
    // CLI11 does so itself for groups that are there when it begins to parse.
    for (CLI::App* group :
         app.get_subcommands([](const CLI::App* each) { return each->get_name().empty(); }))
        group->fallthrough(false);
}

struct CommandLine {
    CLI::App app{description, "dynmon-load"};
    Global global;
    std::string lock_timeout = "5s";
    bool verbose = false;
    bool quiet = false;
    std::vector<std::unique_ptr<Verb>> verbs = all_verbs();

    CommandLine() {
        app.footer(footer);
        app.set_version_flag("-V,--version", "dynmon-load " + build_name());
        app.add_flag("-j,--json", global.json, "result and errors as JSON");
        app.add_option("--bpffs", global.settings.bpffs,
                       "directory of the store; default: " + std::string(default_store))
            ->type_name("DIR");
        app.add_option("--allow", global.settings.allow,
                       "load only objects whose SHA-256 this list has, with the manifests that it "
                       "allows (as well as the machine's, if there is one)")
            ->type_name("FILE");
        app.add_option("--policy", global.settings.policy,
                       "load only probes that do no more than this policy lets them (as well as "
                       "the machine's, if there is one)")
            ->type_name("FILE");
        app.add_option(
               "--lock-timeout", lock_timeout,
               "how long to wait for other runs of dynmon-load, in all; with --interval: in each "
               "interval; default: 5s")
            ->type_name("TIME");
        app.add_flag("-v,--verbose", verbose, "say more on stderr");
        app.add_flag("-q,--quiet", quiet, "print only warnings and errors on stderr");
        app.require_subcommand(1);
        app.fallthrough(); // options of all verbs may stand before or after the verb
        for (const auto& verb : verbs) {
            CLI::App* sub = app.add_subcommand(verb->name(), verb->summary());
            sub->footer(std::string("Example:\n  ") + verb->example());
            sub->preparse_callback(
                [&verb = *verb, sub](std::size_t) { declare_options_of(verb, *sub); });
        }
    }

    int run() {
        log::set_verbose(verbose);
        log::set_quiet(quiet);
        if (global.json)
            log::set_json();
        global.settings.lock_patience =
            LockPatience(parse_duration(lock_timeout, "--lock-timeout"));
        for (const auto& verb : verbs)
            if (app.got_subcommand(verb->name()))
                return verb->run(global);
        return static_cast<int>(ErrorKind::usage);
    }
};

// A flag that was not parsed yet when parsing failed.
bool wants_json(int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        if (std::string_view(argv[i]) == "--json" || std::string_view(argv[i]) == "-j")
            return true;
    return false;
}

// Runs the verb and writes what it printed, in one piece and through interruptions, which
// std::cout takes for errors. What was printed has to have arrived.
int run_and_write(CommandLine& line) {
    std::ostringstream result;
    std::streambuf* const console = std::cout.rdbuf(result.rdbuf());
    int code = 0;
    try {
        code = line.run();
    } catch (...) {
        std::cout.rdbuf(console);
        throw;
    }
    std::cout.rdbuf(console);
    Sink sink(STDOUT_FILENO);
    sink.buffer() = printable(result.str()); // names of interfaces and the like are in it
    during("the result", [&] { sink.flush(); });
    return code;
}

// A caller may close descriptors 0 to 2. Without this, the next file or socket gets such a number,
// and what is meant for stdout or stderr goes into it. O_PATH: reading and writing still fail.
void reserve_standard_descriptors() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (fcntl(fd, F_GETFD) < 0)
            open("/", O_PATH); // takes the lowest free number, which is this one
}

} // namespace

int main(int argc, char** argv) {
    reserve_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN); // a reader that goes away is an error of write(), not our death
    std::signal(SIGXFSZ, SIG_IGN); // and so is a file that reaches its limit
    const bool json = wants_json(argc, argv);
    CommandLine line;
    try {
        line.app.parse(argc, argv);
        return run_and_write(line);
    } catch (const CLI::Success& done) { // --help, --version
        return line.app.exit(done);
    } catch (const CLI::ParseError& error) {
        const Error usage = usage_error(error, line.app);
        print_error(usage, json);
        return static_cast<int>(usage.kind());
    } catch (const Error& error) {
        print_error(error, json);
        return static_cast<int>(error.kind());
    } catch (const std::exception& error) {
        print_error(Error(ErrorKind::failed, error.what()), json);
        return static_cast<int>(ErrorKind::failed);
    }
}
