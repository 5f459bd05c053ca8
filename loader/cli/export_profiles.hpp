// SPDX-License-Identifier: BSD-2-Clause
// The profiles of `export`: what each makes of a monitor's windows, and which options it has.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "export/export_state.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// Arguments of the profiles for flows.
struct FlowArguments {
    std::vector<std::string> collectors;
    std::string to; // the one of them at hand
    std::string idle = "15s";
    std::string active = "60s";
    std::size_t max_flows = 1'000'000;
    std::optional<std::uint32_t> domain;
    std::size_t mtu = 0; // of the path
    std::string template_refresh = "60s";
    std::uint64_t template_messages = 20;
    std::uint64_t rate = 2000;
    std::string state; // "": none
};

// What was asked for. An option that is not among those of the profile is refused before.
struct ExportArguments {
    std::string out; // --out
    std::string format = "csv";
    unsigned rows = 7;
    std::size_t packets = 10;
    bool ipv6 = false;
    std::string ip_flags = "word";
    FlowArguments flows;
    std::chrono::nanoseconds interval{};
    std::string monitor;
    std::uint32_t interface = 0; // index of the one that the monitor observes
    std::uint64_t netns = 0;     // inode of its network namespace
    std::string device;          // its name; "": not known
    // A generation of the probe looks at one packet in this many.
    std::function<std::uint32_t(std::uint32_t generation)> sample;
};

struct ExportProfile {
    const char* name;
    const char* summary;              // one line of --help
    std::vector<const char*> options; // besides those of every profile; "--out!" has to be given
    // Opens what the windows go to. Throws Error. `report` is called for each window.
    std::unique_ptr<Exporter> (*open)(const ExportArguments& arguments, ReportWindow report);
};

const std::vector<ExportProfile>& export_profiles();

// Declares the options of all profiles.
void declare_export_options(CLI::App& app, ExportArguments& arguments);

// The profiles of `export` for flows: `ipfix` to a collector, `netflow` into files.

void declare_flow_options(CLI::App& app, FlowArguments& arguments);

std::unique_ptr<Exporter> open_ipfix(const ExportArguments& arguments, ReportWindow report);
std::unique_ptr<Exporter> open_netflow(const ExportArguments& arguments, ReportWindow report);

} // namespace dynmon
