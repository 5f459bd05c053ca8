// SPDX-License-Identifier: BSD-2-Clause
// ns a packet by BPF_PROG_TEST_RUN: what the pivot adds to a program.
#include <stdexcept>
#include <string>
#include <vector>

#include <bpf/libbpf.h>

#include "bench.skel.h"
#include "frames.hpp"
#include "measure.hpp"
#include "test_run.hpp"

namespace bench {

namespace {

using namespace dynmon;

struct Variant {
    Figure& figure;
    int program;
};

void measure_hook(const Setup& setup, Results& results, bool xdp, const bench_bpf& empty) {
    const std::string section = xdp ? "a packet, XDP" : "a packet, TC";
    const Probe probe = open_probe(setup.probes + "/flows");
    const Pivot bare = load_pivot(xdp, false);
    const Pivot to_empty = load_pivot(xdp, false);
    const Pivot to_flows = load_pivot(xdp, false);
    const Pivot alone = load_pivot(xdp, false);
    const LoadedGeneration flows = load_ingress(probe, to_flows, xdp);
    const LoadedGeneration flows_alone = load_ingress(probe, alone, xdp);
    const int empty_program = bpf_program__fd(xdp ? empty.progs.empty_xdp : empty.progs.empty_tc);
    const int flows_alone_program = flows_alone.programs.at(0).at(0).get();
    put_first(to_empty, empty_program);
    put_first(to_flows, flows.programs.at(0).at(0).get());

    constexpr double target = 5;
    const char* unit = "ns/packet";
    const std::vector<Variant> variants{
        {results.figure(section, "empty program", unit), empty_program},
        {results.figure(section, "pivot, empty chain", unit), bare.program.get()},
        {results.figure(section, "pivot, empty program", unit), to_empty.program.get()},
        {results.figure(section, "flows", unit), flows_alone_program},
        {results.figure(section, "pivot, flows", unit), to_flows.program.get()}};
    Figure& pivot_empty =
        results.figure(section, "the pivot adds to an empty program", unit, {}, target);
    Figure& pivot_flows = results.figure(section, "the pivot adds to flows", unit, {}, target);
    const Bytes frame = ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_TCP}, tcp({}, payload(64))));
    for (std::size_t round = 0; round < setup.rounds; ++round) {
        for (const Variant& variant : variants)
            variant.figure.samples.push_back(ns_per_run(variant.program, frame));
        const auto last = [&](std::size_t i) { return variants[i].figure.samples.back(); };
        pivot_empty.samples.push_back(last(2) - last(0));
        pivot_flows.samples.push_back(last(4) - last(3));
    }
}

} // namespace

void measure_packets(const Setup& setup, Results& results) {
    bench_bpf* empty = bench_bpf::open_and_load();
    if (empty == nullptr)
        throw std::runtime_error("load the benchmark's object");
    {
        const OneCpu pinned;
        measure_hook(setup, results, true, *empty);
        measure_hook(setup, results, false, *empty);
    }
    bench_bpf::destroy(empty);
}

} // namespace bench
