// SPDX-License-Identifier: BSD-2-Clause
#include "cli/export_profiles.hpp"

#include "cli/flow_profiles.hpp"
#include "export/file_exporter.hpp"

namespace dynmon {

namespace {

class FolderTarget final : public ExportTarget {
public:
    FolderTarget(const std::string& path, std::unique_ptr<WindowFormatter> rendering,
                 ReportWindow report)
        : dir_(path), exporter_(dir_, std::move(rendering), std::move(report)) {}
    Exporter& exporter() override { return exporter_; }

private:
    OutputDir dir_;
    FileExporter exporter_;
};

std::unique_ptr<ExportTarget> open_ddos(const ExportArguments& arguments, ReportWindow report) {
    return std::make_unique<FolderTarget>(
        arguments.out, make_ddos_rendering(arguments.format == "json", arguments.rows),
        std::move(report));
}

std::unique_ptr<ExportTarget> open_crypto(const ExportArguments& arguments, ReportWindow report) {
    return std::make_unique<FolderTarget>(
        arguments.out, make_crypto_rendering(arguments.format == "json"), std::move(report));
}

std::unique_ptr<ExportTarget> open_lucid(const ExportArguments& arguments, ReportWindow report) {
    const LucidOptions options{.packets = arguments.packets,
                               .seconds = std::chrono::duration<double>(arguments.interval).count(),
                               .ipv6 = arguments.ipv6,
                               .flags_with_offset = arguments.ip_flags == "word"};
    return std::make_unique<FolderTarget>(arguments.out, make_lucid_rendering(options),
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
    app.add_option("--packets", arguments.packets, "lucid: so many of each flow; default: 10")
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
