// SPDX-License-Identifier: BSD-2-Clause
#include "cli/export_profiles.hpp"

#include <thread>
#include <utility>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "export/file_exporter.hpp"
#include "export/flow_exporter.hpp"
#include "export/flow_files.hpp"
#include "export/ipfix_sink.hpp"
#include "kernel/clock.hpp"

namespace dynmon {

namespace {

constexpr std::size_t least_mtu = 576, most_mtu = 65535;

TimeOuts time_outs_of(const FlowArguments& flows) {
    const auto ns = [](const std::string& text, const char* option) {
        return static_cast<std::uint64_t>(parse_duration(text, option).count());
    };
    return {ns(flows.idle, "--idle"), ns(flows.active, "--active")};
}

std::optional<FlowState> state_of(const ExportArguments& arguments) {
    if (arguments.flows.state.empty())
        return std::nullopt;
    if (!time_outs_of(arguments.flows).keeps())
        throw Error(ErrorKind::usage, "--state is of no use without time-outs")
            .hint("with --idle 0 or --active 0 nothing is kept from one window to the next");
    return FlowState(arguments.flows.state, arguments.monitor);
}

// What an exporter stands on is a base in front of it: made before it, and gone after it.
struct CollectorBase {
    IpfixSink sink;
};

class CollectorExporter final : private CollectorBase, public FlowExporter {
public:
    CollectorExporter(const ExportArguments& arguments, ReportWindow report)
        : CollectorBase{{options_of(arguments),
                         collector_of(arguments.flows),
                         {[] { return std::chrono::nanoseconds(monotonic_ns()); }, epoch_ns,
                          [](auto time) { std::this_thread::sleep_for(time); }, stop_requested}}},
          FlowExporter(time_outs_of(arguments.flows), arguments.flows.max_flows, sink,
                       std::move(report), state_of(arguments)) {}

private:
    static IpfixOptions options_of(const ExportArguments& arguments) {
        const FlowArguments& flows = arguments.flows;
        const std::uint32_t own =
            ipfix::domain_of(arguments.monitor, arguments.netns, arguments.interface);
        return {.domain = {flows.domain.value_or(own), arguments.interface},
                .collector = CollectorAddress::parse(flows.to, "--to").text(),
                .keeps = time_outs_of(flows).keeps(),
                .template_refresh = parse_duration(flows.template_refresh, "--template-refresh"),
                .template_messages = flows.template_messages,
                .rate = flows.rate,
                .share = arguments.interval / 2, // of the interval, so that windows are not late
                .facts = facts_of(arguments),
                .max_waiting = flows.max_flows};
    }
    static std::function<ipfix::Facts(std::uint32_t)> facts_of(const ExportArguments& arguments) {
        return [sample = arguments.sample, device = arguments.device,
                started_ms = epoch_ns() / 1'000'000](std::uint32_t generation) {
            return ipfix::Facts{sample(generation), device, started_ms};
        };
    }
    static std::unique_ptr<Collector> collector_of(const FlowArguments& flows) {
        return make_collector(CollectorAddress::parse(flows.to, "--to"), flows.mtu, stop_requested);
    }
};

struct FlowFilesBase {
    FlowFilesBase(const std::string& path, bool keeps) : dir(path), files(dir, keeps) {}
    OutputDir dir;
    FlowFiles files;
};

class FlowFilesExporter final : private FlowFilesBase, public FlowExporter {
public:
    FlowFilesExporter(const ExportArguments& arguments, ReportWindow report)
        : FlowFilesBase(arguments.out, time_outs_of(arguments.flows).keeps()),
          FlowExporter(time_outs_of(arguments.flows), arguments.flows.max_flows, files,
                       std::move(report), state_of(arguments)) {}
};

} // namespace

void declare_flow_options(CLI::App& app, FlowArguments& arguments) {
    app.add_option(
           "--to", arguments.collectors,
           "ipfix: the collector, udp:HOST:PORT or tcp:HOST:PORT, IPv6 as udp:[fd00::1]:PORT; "
           "with --as more than once")
        ->type_name("COLLECTOR")
        ->expected(1)
        ->take_all();
    app.add_option("--idle", arguments.idle,
                   "ipfix, netflow: a flow ends when it is silent for that long; default: 15s; "
                   "0: with its window")
        ->type_name("TIME");
    app.add_option("--active", arguments.active,
                   "ipfix, netflow: a flow that goes on is handed out at that age; default: 60s; "
                   "0: with every window")
        ->type_name("TIME");
    app.add_option("--max-flows", arguments.max_flows,
                   "ipfix, netflow: how many flows are kept at most, and how many may wait for "
                   "the collector; default: 1000000")
        ->type_name("N")
        ->check(at_least_one());
    app.add_option("--state", arguments.state,
                   "ipfix, netflow: file for flows that are kept from one window to the next, so "
                   "that an export that is killed loses none")
        ->type_name("FILE");
    app.add_option("--domain", arguments.domain,
                   "ipfix: observation domain; default: a number made of the monitor's name, the "
                   "network namespace and the interface")
        ->type_name("ID");
    app.add_option("--mtu", arguments.mtu,
                   "ipfix: bytes of the largest IP packet; default: that of the path, at most 1500")
        ->type_name("BYTES")
        ->check(CLI::Range(least_mtu, most_mtu));
    app.add_option("--rate", arguments.rate,
                   "ipfix over UDP: how many messages a second at most; 0: as fast as they go; "
                   "default: 2000")
        ->type_name("N");
    app.add_option("--template-refresh", arguments.template_refresh,
                   "ipfix over UDP: templates are sent with every window, and within it again "
                   "after that time; default: 60s")
        ->type_name("TIME");
    app.add_option("--template-messages", arguments.template_messages,
                   "ipfix over UDP: and after that many messages; default: 20")
        ->type_name("N")
        ->check(at_least_one());
}

std::unique_ptr<Exporter> open_ipfix(const ExportArguments& arguments, ReportWindow report) {
    return std::make_unique<CollectorExporter>(arguments, std::move(report));
}

std::unique_ptr<Exporter> open_netflow(const ExportArguments& arguments, ReportWindow report) {
    return std::make_unique<FlowFilesExporter>(arguments, std::move(report));
}

namespace {

std::unique_ptr<Exporter> open_ddos(const ExportArguments& arguments, ReportWindow report) {
    return std::make_unique<FileExporter>(
        arguments.out, make_ddos_formatter(arguments.format == "json", arguments.rows),
        std::move(report));
}

std::unique_ptr<Exporter> open_crypto(const ExportArguments& arguments, ReportWindow report) {
    return std::make_unique<FileExporter>(
        arguments.out, make_crypto_formatter(arguments.format == "json"), std::move(report));
}

std::unique_ptr<Exporter> open_lucid(const ExportArguments& arguments, ReportWindow report) {
    const LucidOptions options{.packets = arguments.packets,
                               .seconds = std::chrono::duration<double>(arguments.interval).count(),
                               .ipv6 = arguments.ipv6,
                               .flags_with_offset = arguments.ip_flags == "word"};
    return std::make_unique<FileExporter>(arguments.out, make_lucid_formatter(options),
                                          std::move(report));
}

} // namespace

const std::vector<ExportProfile>& export_profiles() {
    static const std::vector<ExportProfile> profiles = {
        {"ddos",
         "the captured packets of each session",
         {"--out!", "--format", "--rows"},
         open_ddos},
        {"crypto", "counters and ratios of each session", {"--out!", "--format"}, open_crypto},
        {"lucid",
         "the first packets of each flow as LUCID's preprocessing makes them",
         {"--out!", "--packets", "--ipv6", "--ip-flags"},
         open_lucid},
        {"ipfix",
         "flows to a collector",
         {"--to!", "--idle", "--active", "--max-flows", "--state", "--domain", "--mtu", "--rate",
          "--template-refresh", "--template-messages"},
         open_ipfix},
        {"netflow",
         "flows as tables with the columns of nfdump",
         {"--out!", "--idle", "--active", "--max-flows", "--state"},
         open_netflow},
    };
    return profiles;
}

void declare_export_options(CLI::App& app, ExportArguments& arguments) {
    app.add_option("--out", arguments.out, "folder for the files; it is made if it is not there")
        ->type_name("DIR")
        ->check([](const std::string& text) { return text.empty() ? "no folder" : ""; });
    app.add_option("--format", arguments.format, "ddos, crypto: csv or json; default: csv")
        ->check(CLI::IsMember({"csv", "json"}));
    app.add_option("--rows", arguments.rows,
                   "ddos: 7 features of a packet, or 10 with length, TCP length and TCP "
                   "acknowledgement; default: 7")
        ->check(CLI::IsMember({7, 10}));
    app.add_option("--packets", arguments.packets,
                   "lucid: how many packets of each flow; default: 10")
        ->check(CLI::Range(1, 10000))
        ->type_name("N");
    app.add_flag("--ipv6", arguments.ipv6, "lucid: IPv6 flows too, which LUCID itself leaves out");
    app.add_option("--ip-flags", arguments.ip_flags,
                   "lucid: word: with the fragment offset, as tshark up to 3.2 has it; bits: the "
                   "three bits alone, as later ones; default: word")
        ->check(CLI::IsMember({"word", "bits"}));
    declare_flow_options(app, arguments.flows);
}

} // namespace dynmon
