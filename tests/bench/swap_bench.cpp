// SPDX-License-Identifier: BSD-2-Clause
// The swap, piece by piece and as a whole read, on a hook that packets go by.
#include <optional>
#include <string>
#include <vector>

#include <bpf/bpf.h>

#include "control/chain_lookup.hpp"
#include "control/load.hpp"
#include "control/swap.hpp"
#include "frames.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/fence.hpp"
#include "measure.hpp"
#include "object/probe.hpp"
#include "sandbox.hpp"
#include "state/state.hpp"

namespace bench {

namespace {

using namespace dynmon;

constexpr double ns_per_us = 1e3;
constexpr double ns_per_ms = 1e6;
constexpr const char* monitor = "bench";

GenerationRecord load(const Settings& settings, const std::string& probe) {
    LoadRequest request;
    request.name = monitor;
    request.device = "right";
    return load_monitor(settings, open_probe(probe), request);
}

void measure_slot_write(const Setup& setup, Results& results, const Store& store,
                        const GenerationRecord& record) {
    const char* section = "swap, under traffic";
    constexpr double target = 50;
    Figure& find = results.figure(section, "MonitorSwap: find the places of both programs", "µs");
    Figure& swap = results.figure(section, "MonitorSwap::run, two slot writes", "µs", {}, target);
    Figure& bare = results.figure(section, "the slot write alone", "µs");
    Figure& wait = results.figure(section, "fence", "ms");
    const HookId& hook = record.programs.front().hook;
    const Fd slots = open_chain(store, hook);
    const std::uint32_t head = 0;
    const std::size_t rounds = setup.rounds * 10 / 2 * 2; // ends on the side it began with
    for (std::size_t round = 0; round < rounds; ++round) {
        const DirectoryLock lock = store.lock(DirectoryLock::Mode::exclusive);
        const Chain chain = open_chain_of(store, hook);
        const std::size_t member = chain.find(monitor, record.number).value();
        const Side active = chain.active_side(monitor, record.number).value();
        const Side idle = other(active);
        const ChainMember& ours = chain.members()[member];
        std::optional<MonitorSwap> change;
        find.samples.push_back(ns_of([&] { change.emplace(store, ours.dir, record, idle); }) /
                               ns_per_us);
        swap.samples.push_back(ns_of([&] { change->run(lock); }) / ns_per_us);
        wait.samples.push_back(ns_of([] { fence(); }) / ns_per_ms);
        // There and back once more, without anything around it.
        for (const Side side : {active, idle}) {
            const Fd program = ours.dir.open_program(ours.program, side);
            const int fd = program.get();
            bare.samples.push_back(ns_of([&] { update_element(slots, &head, &fd); }) / ns_per_us);
        }
    }
}

// `count` UDP flows through the program that runs now, without a wire.
void make_flows(const Store& store, const GenerationRecord& record, std::size_t count) {
    const GenerationDir dir = current_generation(store, monitor);
    const Side active = StateMap(store.monitor_dir(monitor) + "/state").read().active_side();
    const Fd program = dir.open_program(record.programs.front(), active);
    for (std::size_t i = 0; i < count; ++i) {
        const Bytes frame =
            ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP},
                                    udp(static_cast<std::uint16_t>(10'000 + i), 53)));
        LIBBPF_OPTS(bpf_test_run_opts, options);
        options.data_in = frame.data();
        options.data_size_in = static_cast<__u32>(frame.size());
        if (bpf_prog_test_run_opts(program.get(), &options) != 0)
            throw std::runtime_error("run the flow probe");
    }
}

void measure_reads(const Setup& setup, Results& results, const Store& store,
                   const GenerationRecord& record) {
    constexpr std::size_t many = 1000;
    const char* section = "whole process";
    Figure& peek = results.figure(section, "dynmon-load read --peek flows, no swap", "ms");
    Figure& empty = results.figure(section, "dynmon-load read flows, empty", "ms");
    Figure& full = results.figure(section, "dynmon-load read flows, 1,000 flows", "ms");
    Figure& metrics = results.figure(section, "the same as OpenMetrics", "ms");
    const std::vector<std::string> read{setup.dynmon_load, "read", monitor, "--format", "json"};
    std::vector<std::string> peeking = read;
    peeking.push_back("--peek");
    std::vector<std::string> open_metrics = read;
    open_metrics.back() = "openmetrics";
    for (std::size_t round = 0; round < setup.rounds; ++round) {
        peek.samples.push_back(ns_of_process(peeking) / ns_per_ms);
        empty.samples.push_back(ns_of_process(read) / ns_per_ms);
        make_flows(store, record, many);
        full.samples.push_back(ns_of_process(read) / ns_per_ms);
        make_flows(store, record, many);
        metrics.samples.push_back(ns_of_process(open_metrics) / ns_per_ms);
    }
}

} // namespace

void measure_swap(const Setup& setup, Results& results) {
    const VethPair veth;
    const Settings settings;
    const GenerationRecord record = load(settings, setup.probes + "/flows");
    const Store store = settings.open_store(false);
    {
        const Traffic traffic(veth);
        measure_slot_write(setup, results, store, record);
    }
    measure_reads(setup, results, store, record);
    unload_monitor(settings, monitor);
}

} // namespace bench
