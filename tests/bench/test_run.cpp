// SPDX-License-Identifier: BSD-2-Clause
#include "test_run.hpp"

#include <stdexcept>
#include <utility>

#include <unistd.h>

#include <bpf/bpf.h>

#include "kernel/bpf.hpp"

namespace bench {

using namespace dynmon;

double ns_per_run(int program, const Bytes& frame, int repeat) {
    Bytes out(frame.size() + 256); // TC wants room for the frame it hands back
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<__u32>(out.size());
    options.repeat = repeat;
    if (bpf_prog_test_run_opts(program, &options) != 0)
        throw std::runtime_error("BPF_PROG_TEST_RUN fails");
    return options.duration;
}

void put_first(const Pivot& pivot, int program) {
    const std::uint32_t head = 0;
    update_element(pivot.chain, &head, &program);
}

LoadedGeneration load_ingress(const Probe& probe, const Pivot& pivot, bool xdp,
                              std::vector<std::string> assignments, ClockSource clock) {
    GenerationPlan plan;
    plan.probe = &probe;
    plan.monitor = "bench";
    plan.clock = clock;
    plan.assignments = std::move(assignments);
    ProgramPlan program;
    program.direction = Direction::ingress;
    program.program = &select_program(probe.manifest, probe.object, Direction::ingress,
                                      xdp ? HookKind::xdp : HookKind::tc);
    program.chain = Fd(::dup(pivot.chain.get()));
    program.slots = {1, 2};
    program.slots.resize(side_count(probe.manifest)); // one for each side
    plan.programs.push_back(std::move(program));
    return load_generation(plan);
}

int program_of(const LoadedGeneration& loaded) {
    return loaded.programs.at(0).at(0).get();
}

OneCpu::OneCpu() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
    ::sched_setaffinity(0, sizeof here, &here);
}

} // namespace bench
