// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_cache.hpp"
#include "export/flows.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

constexpr TimeOuts usual{15 * second, 60 * second};

FlowRecord at(FlowRecord flow, std::uint64_t first, std::uint64_t last) {
    flow.first_ns = first * second;
    flow.last_ns = last * second;
    return flow;
}

struct Cached {
    explicit Cached(TimeOuts time_outs = usual, std::size_t max = 1000) : cache(time_outs, max) {}
    void window(const std::vector<FlowRecord>& flows, std::uint64_t end) {
        left.clear();
        for (const FlowRecord& flow : flows)
            cache.add(flow, left);
        cache.expire(end * second, left);
    }
    FlowCache cache;
    std::vector<FlowRecord> left;
};

} // namespace

TEST_CASE("a flow of several windows leaves once, added up, when it has been idle") {
    Cached c;
    FlowRecord first = at(flow_of(1000), 100, 105);
    first.tcp_flags = 0x02;
    first.tos = 8;
    FlowRecord second_part = at(flow_of(1000), 108, 112);
    second_part.packets = 7;
    second_part.bytes = 900;
    second_part.tcp_flags = 0x18;
    second_part.tos = 16;
    c.window({first}, 106);
    CHECK(c.left.empty());
    c.window({second_part}, 116);
    CHECK(c.left.empty());
    c.window({}, 126);
    CHECK(c.left.empty()); // 14 s of silence
    c.window({}, 127);
    REQUIRE(c.left.size() == 1);
    const FlowRecord& flow = c.left[0];
    CHECK(flow.reason == EndReason::idle);
    CHECK(flow.first_ns == 100 * second);
    CHECK(flow.last_ns == 112 * second);
    CHECK(flow.packets == 8);
    CHECK(flow.bytes == 1000);
    CHECK(flow.tcp_flags == 0x1a);
    CHECK(flow.tos == 16); // of the last packet
    CHECK(flow.flows == 1);
    CHECK(c.cache.size() == 0);
}

TEST_CASE("a flow that lasts leaves with the active time-out and counts again") {
    Cached c;
    std::vector<std::uint64_t> starts;
    std::uint64_t packets = 0;
    for (std::uint64_t now = 110; now <= 300; now += 10) {
        c.window({at(flow_of(1), now - 10, now - 1)}, now);
        for (const FlowRecord& flow : c.left) {
            CHECK(flow.reason == EndReason::active);
            CHECK(flow.last_ns - flow.first_ns <= 60 * second);
            starts.push_back(flow.first_ns / second);
            packets += flow.packets;
        }
    }
    CHECK(starts == std::vector<std::uint64_t>{100, 160, 220});
    c.left.clear();
    c.cache.drain(EndReason::forced, c.left);
    REQUIRE(c.left.size() == 1);
    CHECK(c.left[0].reason == EndReason::forced);
    CHECK(packets + c.left[0].packets == 20);
}

TEST_CASE("FIN or RST ends a flow with its window, whichever window brought the flag") {
    for (const std::uint8_t flag : {0x01, 0x04}) {
        Cached c;
        c.window({at(flow_of(1), 100, 101)}, 105);
        FlowRecord end = at(flow_of(1), 106, 106);
        end.tcp_flags = flag;
        c.window({end, at(flow_of(2), 106, 106)}, 110);
        REQUIRE(c.left.size() == 1);
        CHECK(c.left[0].reason == EndReason::end_of_flow);
        CHECK(c.left[0].packets == 2);
        CHECK(c.cache.size() == 1);
    }
}

TEST_CASE(
    "a packet after a long silence begins another flow, even where no window saw the silence") {
    Cached c;
    c.window({at(flow_of(1), 100, 101)}, 105);
    c.window({at(flow_of(1), 116, 117)}, 120); // 15 s after the last one
    REQUIRE(c.left.size() == 1);
    CHECK(c.left[0].reason == EndReason::idle);
    CHECK(c.left[0].last_ns == 101 * second);
    CHECK(c.left[0].packets == 1);
    c.window({at(flow_of(1), 131, 131)}, 131); // 14 s: the same flow
    CHECK(c.left.empty());
    CHECK(c.cache.size() == 1);
}

TEST_CASE("with a time-out of 0 every flow leaves with its window") {
    for (const TimeOuts none :
         {TimeOuts{0, 60 * second}, TimeOuts{15 * second, 0}, TimeOuts{0, 0}}) {
        Cached c(none);
        FlowRecord ended = at(flow_of(2), 100, 100);
        ended.tcp_flags = 0x11;
        c.window({at(flow_of(1), 100, 104), ended}, 105);
        REQUIRE(c.left.size() == 2);
        CHECK(c.left[0].reason == EndReason::active);
        CHECK(c.left[1].reason == EndReason::end_of_flow);
        CHECK(c.cache.size() == 0);
    }
}

TEST_CASE("a full cache lets the flow go that was touched least recently, and keeps every count") {
    Cached c(usual, 3);
    c.window({at(flow_of(1), 100, 100), at(flow_of(2), 100, 100), at(flow_of(3), 100, 100)}, 101);
    CHECK(c.left.empty());
    c.window({at(flow_of(1), 102, 102), at(flow_of(4), 102, 102)}, 103);
    REQUIRE(c.left.size() == 1);
    CHECK(c.left[0].reason == EndReason::lack_of_memory);
    CHECK(c.left[0].key.sport == 2);
    CHECK(c.cache.size() == 3);
    std::uint64_t packets = c.left[0].packets;
    c.left.clear();
    c.cache.drain(EndReason::forced, c.left);
    for (const FlowRecord& flow : c.left)
        packets += flow.packets;
    CHECK(packets == 5);
}

TEST_CASE("flows differ by every part of their key") {
    std::vector<FlowRecord> flows(8, at(flow_of(1), 100, 100));
    flows[1].key.saddr[15] = 9;
    flows[2].key.daddr[15] = 9;
    flows[3].key.sport = 9;
    flows[4].key.dport = 9;
    flows[5].key.vlan = 9;
    flows[6].key.proto = 17;
    flows[7].key.egress = 1;
    Cached c;
    c.window(flows, 101);
    CHECK(c.cache.size() == 8);
}

TEST_CASE("reuses that the probe counted add up, the flow itself counts once") {
    Cached c;
    FlowRecord reused = at(flow_of(1), 100, 101);
    reused.flows = 3;
    c.window({reused}, 102);
    c.window({reused}, 103);
    c.left.clear();
    c.cache.drain(EndReason::forced, c.left);
    REQUIRE(c.left.size() == 1);
    CHECK(c.left[0].flows == 5);
}

TEST_CASE("clocks that disagree a little do no harm") {
    Cached c;
    c.window({at(flow_of(1), 107, 108)}, 105); // the window ended before its packets
    CHECK(c.left.empty());
    CHECK(c.cache.size() == 1);
}
