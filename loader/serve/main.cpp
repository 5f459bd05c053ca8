// SPDX-License-Identifier: BSD-2-Clause
// dynmon-serve: the HTTP server. docs/user/dynmon-serve.1.md is its page.
#include <csignal>
#include <iostream>
#include <optional>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sys/signalfd.h>
#include <sys/un.h>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "filter/literal.hpp"
#include "kernel/rights.hpp"
#include "object/probe.hpp"
#include "sandbox/confine.hpp"
#include "serve/access.hpp"
#include "serve/http_server.hpp"
#include "serve/listener.hpp"
#include "serve/service.hpp"
#include "serve/tls.hpp"
#include "serve/web_config.hpp"

using namespace dynmon;
using namespace dynmon::serve;

namespace {

constexpr const char* description =
    "dynmon-serve answers HTTP about the monitors of a store: their metrics for Prometheus, and "
    "an\n"
    "API of JSON. It keeps no state: systemd starts it with a connection and it exits when idle.";

constexpr const char* footer =
    "Example:\n"
    "  sudo dynmon-serve --listen unix:/run/dynmon/read.sock\n"
    "  sudo dynmon-serve --listen 127.0.0.1:9436 --idle 30s\n"
    "  sudo dynmon-serve --role control --listen unix:/run/dynmon/control.sock\n"
    "  sudo dynmon-serve --role polycube --listen 127.0.0.1:9000\n"
    "  curl --unix-socket /run/dynmon/read.sock http://localhost/metrics\n"
    "\n"
    "dynmon-serve(1) has the paths, the rights and the configuration.";

std::chrono::milliseconds duration_of(const std::string& text, const std::string& option) {
    constexpr std::uint64_t most_ns = 1'000'000'000'000'000;
    auto length = parse_exact_duration(text);
    if (!length)
        length = parse_exact_duration(text + 's');
    if (!length || length->negative || length->too_large || length->size > most_ns)
        throw Error(ErrorKind::usage, option + " '" + text + "' is not a duration")
            .hint("such as 30s or 500ms");
    return std::chrono::milliseconds(static_cast<std::int64_t>(length->size / 1'000'000));
}

struct CommandLine {
    CLI::App app{description, "dynmon-serve"};
    Settings settings;
    std::string role = "read";
    std::string cubes = "/var/lib/dynmon/cubes";
    std::string compiler;
    std::string imported = "/var/lib/dynmon/imported";
    std::vector<std::string> addresses;
    std::vector<std::string> hosts;
    std::string socket_mode = "0660";
    std::string idle;
    std::string access;
    std::string web_config;
    bool verbose = false;

    CommandLine() {
        app.footer(footer);
        app.set_version_flag("-V,--version", "dynmon-serve " + build_name());
        app.add_option("--role", role,
                       "read: GET and HEAD only, changes nothing and gives up all rights; control: "
                       "also loads, replaces, unloads, takes windows and denies; polycube: only "
                       "/polycube/v1, for clients of Polycube's Dynmon, which show no rights; "
                       "default: read")
            ->check(CLI::IsMember({"read", "control", "polycube"}));
        app.add_option("--cubes", cubes,
                       "--role polycube: the folder where cubes are kept; default: "
                       "/var/lib/dynmon/cubes")
            ->type_name("DIR");
        app.add_option("--compiler", compiler,
                       "--role polycube: the socket of dynmon-compile, which makes probes of "
                       "documents that were not imported; default: such a document is refused")
            ->type_name("unix:PATH")
            ->take_last(); // the unit has one
        app.add_option("--imported", imported,
                       "--role polycube: the folder where compiled probes are kept; default: "
                       "/var/lib/dynmon/imported")
            ->type_name("DIR");
        app.add_option("--listen", addresses,
                       "unix:PATH or ADDRESS:PORT (repeatable); default: the sockets that systemd "
                       "hands over")
            ->type_name("WHERE")
            ->expected(1)
            ->take_all();
        app.add_option("--socket-mode", socket_mode,
                       "mode of a unix socket that --listen makes; default: 0660")
            ->type_name("MODE");
        app.add_option("--idle", idle,
                       "exit after that time without a connection; default: 30s with sockets of "
                       "systemd, else never")
            ->type_name("TIME");
        app.add_option("--host", hosts,
                       "a name that clients may know this server by, besides localhost and "
                       "addresses of loopback (repeatable)")
            ->type_name("NAME")
            ->expected(1)
            ->take_all();
        app.add_option("--access", access,
                       "who may do what: users of unix sockets, tokens, certificates; default: all "
                       "who can connect")
            ->type_name("FILE");
        app.add_option("--web-config", web_config,
                       "TLS and passwords of the TCP sockets, as exporters of Prometheus have it")
            ->type_name("FILE");
        app.add_option("--bpffs", settings.bpffs,
                       "directory of the store; default: " + std::string(default_store))
            ->type_name("DIR");
        app.add_option("--allow", settings.allow, "as of dynmon-load(1)")->type_name("FILE");
        app.add_option("--policy", settings.policy, "as of dynmon-load(1)")->type_name("FILE");
        app.add_flag("-v,--verbose", verbose, "say more on stderr");
    }
};

std::vector<Listener> open_listeners(const CommandLine& line) {
    std::vector<Listener> listeners = inherited_listeners();
    unsigned mode = 0;
    try {
        mode = static_cast<unsigned>(std::stoul(line.socket_mode, nullptr, 8));
    } catch (const std::exception&) {
        throw Error(ErrorKind::usage, "--socket-mode '" + line.socket_mode + "' is no mode")
            .hint("such as 0660");
    }
    for (const std::string& address : line.addresses)
        listeners.push_back(listen_on(address, mode));
    if (listeners.empty())
        throw Error(ErrorKind::usage, "there is no socket to listen on")
            .hint("--listen unix:/run/dynmon/read.sock, or start it by dynmon-read.socket");
    return listeners;
}

// A socket that other machines, or other users of this one, can reach asks who they are.
void require_guarded(const std::vector<Listener>& listeners, const CommandLine& line,
                     WebConfigFile* web) {
    const bool encrypted = web != nullptr && web->has_tls();
    const bool identifies =
        !line.access.empty() ||
        (encrypted && (!web->users().empty() || web->material().auth == ClientAuth::verify));
    for (const Listener& listener : listeners) {
        if (!listener.loopback && !encrypted)
            throw Error(ErrorKind::rejected, listener.name + " can be reached from other machines")
                .hint("a loopback address, or TLS with --web-config");
        if (!listener.local && line.role == "control" && !identifies)
            throw Error(ErrorKind::rejected,
                        listener.name + ": every user of this machine could load and unload")
                .hint("a unix socket, tokens with --access, or certificates with --web-config");
    }
}

// "": there is none.
std::string compiler_path(const std::string& option) {
    constexpr std::string_view local = "unix:";
    constexpr std::size_t longest = sizeof sockaddr_un{}.sun_path - 1;
    if (option.empty())
        return "";
    if (!option.starts_with(local) || option.size() == local.size() ||
        option.size() - local.size() > longest)
        throw Error(ErrorKind::usage, "--compiler '" + option + "' is no unix:PATH")
            .hint("such as unix:/run/dynmon/compile.sock");
    return option.substr(local.size());
}

// Blocked in all threads that start after this.
Fd stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT})
        sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd)
        throw Error(ErrorKind::failed, "wait for signals", errno);
    return fd;
}

// Before there is a second thread: for good, and for all of them.
void give_up_rights(const CommandLine& line, const std::vector<Listener>& listeners,
                    const WebConfigFile* web) {
    drop_rights();
    Confinement allowed{.store = line.settings.bpffs};
    allowed.serves = true;
    for (const Listener& listener : listeners)
        if (!listener.path.empty())
            allowed.removes.push_back(serve::folder_of(listener.path));
    allowed.reads = installed_path();
    if (!line.access.empty())
        allowed.reads.push_back(serve::folder_of(line.access));
    if (web != nullptr)
        for (const std::string& folder : web->folders())
            allowed.reads.push_back(folder);
    confine(allowed);
}

int run(CommandLine& line) {
    log::set_quiet(!line.verbose);
    log::set_verbose(line.verbose);
    const Role role = line.role == "control"    ? Role::control
                      : line.role == "polycube" ? Role::polycube
                                                : Role::read;
    const Fd stop = stop_signals();
    std::vector<Listener> listeners = open_listeners(line);
    const std::string idle = !line.idle.empty() ? line.idle : line.addresses.empty() ? "30s" : "0s";
    ServerOptions options;
    options.idle_exit = duration_of(idle, "--idle");
    options.host_names = line.hosts;
    options.only_reads = role == Role::read;
    for (const Listener& listener : listeners)
        log::info("listens on " + listener.name);
    become_store_user(line.settings.bpffs);
    std::optional<AccessFile> access;
    if (!line.access.empty())
        access.emplace(line.access);
    std::optional<WebConfigFile> web;
    if (!line.web_config.empty())
        web.emplace(line.web_config);
    WebConfigFile* const configured = web ? &*web : nullptr;
    require_guarded(listeners, line, configured);
    notify_manager("READY=1");
    if (role == Role::read)
        give_up_rights(line, listeners, configured);
    Service service(line.settings, role, {.access = access ? &*access : nullptr, .web = configured},
                    line.cubes, {.socket = compiler_path(line.compiler), .folder = line.imported});
    HttpServer server(std::move(options), std::move(listeners), service,
                      web && web->has_tls() ? configured : nullptr);
    service.counts_of([&server] { return server.counters(); });
    server.run(stop.get());
    return 0;
}

void print_error(const Error& error) {
    std::cerr << "dynmon-serve: " << printable_message(error.what()) << "\n";
    for (const std::string& hint : error.hints())
        std::cerr << "  hint: " << printable_message(hint) << "\n";
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    CommandLine line;
    try {
        line.app.parse(argc, argv);
        return run(line);
    } catch (const CLI::Success& done) {
        return line.app.exit(done);
    } catch (const CLI::ParseError& error) {
        print_error(Error(ErrorKind::usage, error.what()).hint("`dynmon-serve --help`"));
        return static_cast<int>(ErrorKind::usage);
    } catch (const Error& error) {
        print_error(error);
        return static_cast<int>(error.kind());
    } catch (const std::exception& error) {
        print_error(Error(ErrorKind::failed, error.what()));
        return static_cast<int>(ErrorKind::failed);
    }
}
