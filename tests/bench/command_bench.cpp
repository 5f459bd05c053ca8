// SPDX-License-Identifier: BSD-2-Clause
// Start-up of dynmon-load, and what it takes to put the packet counter on an interface.
#include "control/load.hpp"
#include "measure.hpp"
#include "object/probe.hpp"
#include "veth.hpp"

namespace bench {

namespace {

constexpr double ns_per_ms = 1e6;

} // namespace

void measure_command(const Setup& setup, Results& results) {
    const VethPair veth;
    const std::string probe = setup.probes + "/packets";
    const char* section = "commands";
    constexpr double start_target = 5;
    Figure& version = results.figure(section, "dynmon-load --version", "ms", {}, start_target);
    Figure& status = results.figure(section, "dynmon-load status", "ms", {}, start_target);
    Figure& bpftool = results.figure(section, "bpftool version", "ms");
    Figure& load = results.figure(section, "dynmon-load load packets (2 programs)", "ms");
    Figure& unload = results.figure(section, "dynmon-load unload", "ms");
    const char* open_section = "in a process that runs already";
    Figure& open = results.figure(open_section, "open packets: manifest, object, checks", "ms");
    Figure& verify =
        results.figure(open_section, "load it into the kernel, nothing attached", "ms");
    const std::size_t rounds = setup.rounds * 3;
    for (std::size_t round = 0; round < rounds; ++round) {
        const auto run = [&](Figure& figure, const std::vector<std::string>& words) {
            figure.samples.push_back(ns_of_process(words) / ns_per_ms);
        };
        run(version, {setup.dynmon_load, "--version"});
        run(status, {setup.dynmon_load, "status"});
        run(bpftool, {setup.bpftool, "version"});
        run(load, {setup.dynmon_load, "load", "bench", probe, "--dev", "right"});
        run(unload, {setup.dynmon_load, "unload", "bench"});
        std::optional<dynmon::Probe> opened;
        open.samples.push_back(ns_of([&] { opened = dynmon::open_probe(probe); }) / ns_per_ms);
        verify.samples.push_back(
            ns_of([&] { dynmon::verify_probe(*opened, dynmon::HookKind::tc, {}, ""); }) /
            ns_per_ms);
    }
}

} // namespace bench
