// SPDX-License-Identifier: BSD-2-Clause
// What programs measure of themselves, and how a limit takes one out of its chain.
#include <algorithm>

#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "packets.skel.h"
#include "runner.hpp"
#include "slow.skel.h"

namespace {

constexpr std::uint32_t slow_turns = 1000;    // of a reading of the clock
constexpr std::uint32_t samples_of_slow = 19; // until a mean of 64 is above a quarter of the most
// An interrupt at the begin of a sample makes it worthless, and then packets are skipped.
constexpr std::uint32_t interrupted = 4 * 96;

const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({})));

// Programs of the same body, in the order of enum dynmon_direction.
struct Way {
    std::string program;
    std::size_t direction;
    int pass;
};
const Way ways[] = {{"slow_ingress", 0, TC_ACT_UNSPEC},
                    {"slow_egress", 1, TC_ACT_UNSPEC},
                    {"slow_ingress_xdp", 0, XDP_PASS}};

class Limited {
public:
    Limited(const Way& way, std::uint64_t ns)
        : way_(way), probe_(way.program, [&](slow_bpf& skeleton) {
              skeleton.rodata->dynmon_limit = ns;
              skeleton.rodata->dynmon_may_drop = true;
              skeleton.rodata->want_drop = true;
          }) {}

    // The verdict of the last of them.
    int packets(int count, std::uint32_t turns) {
        probe_->bss->work.turns = turns;
        return run(probe_.fd(), frame, {}, count);
    }
    std::uint32_t seen() const { return probe_->bss->work.seen; }
    std::uint64_t out_since(std::size_t direction) const {
        return probe_->data_dynmon_limit->dynmon_over[direction].since;
    }
    std::uint64_t out_ns() const {
        return probe_->data_dynmon_limit->dynmon_over[way_.direction].ns;
    }
    std::uint64_t measured(std::string_view field) const {
        const auto key = static_cast<std::uint32_t>(way_.direction);
        return Value(probe_->obj, probe_->maps.dynmon_meter, &key).sum(field);
    }
    void set_metering(bool on) { probe_->data_dynmon_meter->dynmon_meter_on = on ? 1 : 0; }

private:
    CpuPin pin_; // each CPU decides by its own packets
    const Way& way_;
    Loaded<slow_bpf> probe_;
};

// An eighth of what the slow way takes on this machine at least, and many times the quick one.
std::uint64_t limit_of(const Way& way) {
    Limited probe(way, 0);
    probe.set_metering(true);
    std::uint64_t least = UINT64_MAX;
    for (int i = 0; i < 20; ++i) {
        const std::uint64_t before = probe.measured("ns");
        probe.packets(1, slow_turns);
        least = std::min(least, probe.measured("ns") - before);
    }
    return least / 8;
}

} // namespace

TEST_CASE("a program that costs more than its limit is taken out, and passes every packet") {
    for (const Way& way : ways) {
        CAPTURE(way.program);
        const std::uint64_t limit = limit_of(way);
        Limited probe(way, limit);
        const std::int64_t before = read_clock(CLOCK_MONOTONIC);
        CHECK(probe.packets(1000, slow_turns) == way.pass);
        const std::uint32_t seen = probe.seen();
        CHECK(seen >= samples_of_slow);
        CHECK(seen <= samples_of_slow + interrupted);
        CHECK(probe.out_since(way.direction) >= static_cast<std::uint64_t>(before));
        CHECK(probe.out_since(way.direction) <=
              static_cast<std::uint64_t>(read_clock(CLOCK_MONOTONIC)));
        CHECK(probe.out_since(1 - way.direction) == 0); // the other direction goes on
        CHECK(probe.out_ns() > limit);
        CHECK(probe.out_ns() <= probe.measured("worst"));
        CHECK(probe.packets(1000, 0) == way.pass); // and stays out
        CHECK(probe.seen() == seen);
    }
}

TEST_CASE("a program that keeps to its limit runs on, and few of its packets are measured") {
    for (const Way& way : ways) {
        CAPTURE(way.program);
        Limited probe(way, 1'000'000);
        CHECK(probe.packets(100'000, 1) != way.pass); // it drops, as its parameter says
        CHECK(probe.out_since(way.direction) == 0);
        CHECK(probe.seen() == 100'000);
        CHECK(probe.measured("runs") >= 100'000 / 96);
        CHECK(probe.measured("runs") <= 100'000 / 32 + 1);
    }
}

TEST_CASE("slow packets now and then, as interrupts make them, take no program out") {
    for (const Way& way : ways) {
        CAPTURE(way.program);
        Limited probe(way, limit_of(way));
        for (int i = 0; i < 30; ++i) {
            probe.packets(1, slow_turns);
            probe.packets(999, 0);
        }
        CHECK(probe.out_since(way.direction) == 0);
        CHECK(probe.seen() == 30'000);
    }
}

TEST_CASE("a program that becomes slow is taken out then") {
    Limited probe(ways[0], limit_of(ways[0]));
    probe.packets(10'000, 0);
    CHECK(probe.out_since(0) == 0);
    probe.packets(1000, slow_turns);
    CHECK(probe.out_since(0) != 0);
    CHECK(probe.seen() < 10'000 + 100 + 2 * samples_of_slow);
}

TEST_CASE("without a limit nothing is measured but while the meter is on, worst packet included") {
    for (const Way& way : ways) {
        CAPTURE(way.program);
        Limited probe(way, 0);
        probe.packets(1000, slow_turns);
        CHECK(probe.measured("runs") == 0);
        CHECK(probe.out_since(way.direction) == 0);
        probe.set_metering(true);
        probe.packets(1, slow_turns);
        const std::uint64_t one = probe.measured("ns");
        CHECK(probe.measured("worst") == one);
        probe.packets(99, 0);
        probe.set_metering(false);
        probe.packets(10, slow_turns);
        CHECK(probe.measured("runs") == 100);
        CHECK(probe.measured("worst") >= one);
        CHECK(probe.measured("worst") <= probe.measured("ns"));
        CHECK(probe.seen() == 1110);
    }
}
