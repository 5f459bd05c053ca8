// SPDX-License-Identifier: BSD-2-Clause
// dynmon_now() is the time since the epoch from every clock that the loader may choose.
#include <sstream>

#include <doctest/doctest.h>

#include "abi.h"
#include "mirror.skel.h"
#include "runner.hpp"

namespace {

const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({})));

struct Source {
    std::string helper;
    dynmon_clock source;
    clockid_t clock;
    bpf_func_id id;
};
const Source sources[] = {
    {"bpf_ktime_get_ns", DYNMON_CLOCK_KTIME, CLOCK_MONOTONIC, BPF_FUNC_ktime_get_ns},
    {"bpf_ktime_get_boot_ns", DYNMON_CLOCK_BOOT, CLOCK_BOOTTIME, BPF_FUNC_ktime_get_boot_ns},
    {"bpf_ktime_get_tai_ns", DYNMON_CLOCK_TAI, CLOCK_TAI, BPF_FUNC_ktime_get_tai_ns},
    {"bpf_ktime_get_coarse_ns", DYNMON_CLOCK_COARSE, CLOCK_MONOTONIC_COARSE,
     BPF_FUNC_ktime_get_coarse_ns},
};

// An older kernel has no use for an object that asks for a clock it lacks; the others it must take.
bool on_this_kernel(const Source& source) {
    const bool known = libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, source.id, nullptr) == 1;
    if (!known)
        MESSAGE("this kernel has no " << source.helper << ": that clock is not tested");
    return known;
}

// Whether the verifier's log has a step "12: (85) call HELPER#5 ; R0=…". Newer kernels also list
// what they do not walk, but then without registers; older ones show registers on the next line.
bool walked(const std::string& log, const std::string& helper) {
    const bool registers_beside = log.find(" ; R0") != std::string::npos;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);)
        if (line.find(": (85) call " + helper + "#") != std::string::npos &&
            (!registers_beside || line.find(" ; R0") != std::string::npos))
            return true;
    return false;
}

} // namespace

TEST_CASE("every clock source gives the time of day, and the base can be moved while it runs") {
    for (const Source& each : sources) {
        if (!on_this_kernel(each))
            continue;
        CAPTURE(each.helper);
        Loaded<mirror_bpf> probe("mirror_ingress", [&](mirror_bpf& skeleton) {
            skeleton.rodata->dynmon_clock_source = each.source;
        });
        const std::int64_t base = read_clock(CLOCK_REALTIME) - read_clock(each.clock);

        probe->data_dynmon->dynmon_clock_base = base;
        run(probe.fd(), frame);
        const auto now = static_cast<std::int64_t>(probe->bss->seen.now);
        CHECK(std::abs(now - read_clock(CLOCK_REALTIME)) < 1'000'000'000);

        probe->data_dynmon->dynmon_clock_base = base - 3'600'000'000'000;
        run(probe.fd(), frame);
        const auto earlier = static_cast<std::int64_t>(probe->bss->seen.now);
        CHECK(std::abs(earlier + 3'600'000'000'000 - read_clock(CLOCK_REALTIME)) < 1'000'000'000);
    }
}

TEST_CASE("the verifier never sees the helper of a clock that was not chosen") {
    std::vector<char> log(64 << 20);
    for (const Source& chosen : sources) {
        if (!on_this_kernel(chosen))
            continue;
        Loaded<mirror_bpf> probe("mirror_ingress", [&](mirror_bpf& skeleton) {
            skeleton.rodata->dynmon_clock_source = chosen.source;
            bpf_program__set_log_buf(skeleton.progs.mirror_ingress, log.data(), log.size());
            bpf_program__set_log_level(skeleton.progs.mirror_ingress, 2);
        });
        for (const Source& each : sources) {
            CAPTURE(chosen.helper);
            CAPTURE(each.helper);
            if (each.source == DYNMON_CLOCK_KTIME)
                continue; // on every kernel, and what measures the programs' cost uses it
            CHECK(walked(log.data(), each.helper) == (each.source == chosen.source));
        }
    }
}

TEST_CASE("the clock base is alone in its section: one map value of 8 bytes") {
    Loaded<mirror_bpf> probe("mirror_ingress");
    CHECK(std::string(bpf_map__name(probe->maps.data_dynmon)) == ".data.dynmon");
    CHECK(bpf_map__value_size(probe->maps.data_dynmon) == 8);
    CHECK(bpf_map__max_entries(probe->maps.data_dynmon) == 1);
}
