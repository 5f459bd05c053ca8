// dynmon_now() is the time since the epoch from every clock that the loader may choose.
#include <ctime>
#include <sstream>

#include <doctest/doctest.h>

#include "abi.h"
#include "mirror.skel.h"
#include "runner.hpp"

namespace {

const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({})));

std::int64_t read_clock(clockid_t clock) {
    timespec now{};
    REQUIRE(::clock_gettime(clock, &now) == 0);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

struct Source {
    const char* helper;
    dynmon_clock source;
    clockid_t clock;
};
constexpr Source sources[] = {
    {"bpf_ktime_get_ns", DYNMON_CLOCK_KTIME, CLOCK_MONOTONIC},
    {"bpf_ktime_get_boot_ns", DYNMON_CLOCK_BOOT, CLOCK_BOOTTIME},
    {"bpf_ktime_get_tai_ns", DYNMON_CLOCK_TAI, CLOCK_TAI},
    {"bpf_ktime_get_coarse_ns", DYNMON_CLOCK_COARSE, CLOCK_MONOTONIC_COARSE},
};

// Whether the verifier's log has a step "12: (85) call HELPER#5"; it also lists what it never
// walked, but then indented.
bool walked(const char* log, const std::string& helper) {
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);)
        if (line.find(": (85) call " + helper + "#") != std::string::npos &&
            line.find_first_not_of("0123456789") == line.find(':'))
            return true;
    return false;
}

} // namespace

TEST_CASE("every clock source gives the time of day, and the base can be moved while it runs") {
    for (const Source& each : sources) {
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
    std::vector<char> log(16 << 20);
    for (const Source& chosen : sources) {
        Loaded<mirror_bpf> probe("mirror_ingress", [&](mirror_bpf& skeleton) {
            skeleton.rodata->dynmon_clock_source = chosen.source;
            bpf_program__set_log_buf(skeleton.progs.mirror_ingress, log.data(), log.size());
            bpf_program__set_log_level(skeleton.progs.mirror_ingress, 2);
        });
        for (const Source& each : sources) {
            CAPTURE(chosen.helper);
            CAPTURE(each.helper);
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
