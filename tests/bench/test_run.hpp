// SPDX-License-Identifier: BSD-2-Clause
// ns a packet by BPF_PROG_TEST_RUN, of probes as the loader loads them.
#pragma once

#include <string>
#include <vector>

#include <sched.h>

#include "control/build.hpp"
#include "frames.hpp"
#include "kernel/clock.hpp"
#include "kernel/pivot.hpp"
#include "object/probe.hpp"

namespace bench {

// `repeat` runs over the same frame: the kernel's own average, whole ns.
double ns_per_run(int program, const Bytes& frame, int repeat = 1'000'000);

// `program` in the first slot of the pivot's chain.
void put_first(const dynmon::Pivot& pivot, int program);

// The ingress program of the probe, with the chain of `pivot` and a slot of its own.
dynmon::LoadedGeneration load_ingress(const dynmon::Probe& probe, const dynmon::Pivot& pivot,
                                      bool xdp, std::vector<std::string> assignments = {},
                                      dynmon::ClockSource clock = dynmon::best_clock_source());
int program_of(const dynmon::LoadedGeneration& loaded);

// The tests run on one CPU, so that no migration is measured; back to all CPUs at the end.
class OneCpu {
public:
    OneCpu();
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;
    ~OneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }

private:
    cpu_set_t before_{};
};

} // namespace bench
