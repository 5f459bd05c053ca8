// SPDX-License-Identifier: BSD-2-Clause
#include <set>

#include "export/flows.hpp"
#include "export/ipfix_message.hpp"

using namespace dynmon;
using namespace dynmon::test;
using ipfix::Template;

namespace {

std::vector<FlowRecord> some_of_each(std::size_t count) {
    std::vector<FlowRecord> flows;
    for (std::size_t i = 0; i < count; ++i) {
        const bool v6 = i % 3 == 1;
        const std::uint8_t protos[] = {6, 17, static_cast<std::uint8_t>(v6 ? 58 : 1)};
        flows.push_back(flow_of(static_cast<std::uint16_t>(i), protos[i / 2 % 3], v6 ? 6 : 4));
        flows.back().bytes = i * 1'000'003;
        if (i % 5 == 0 && flows.back().key.proto != 6)
            flows.back().key.dport = icmp_unknown;
    }
    return flows;
}

} // namespace

TEST_CASE("every field of a flow is in its record, in network order") {
    FlowRecord flow = flow_of(0x1234);
    flow.key.dport = 0x5678;
    flow.key.vlan = 0x0102;
    flow.key.egress = 1;
    flow.first_ns = 1'795'262'400'123'456'789;
    flow.last_ns = 1'795'262'401'999'999'999;
    flow.packets = 0x0102030405060708;
    flow.bytes = 0xf102030405060708;
    flow.flows = 0x01020304;
    flow.tcp_flags = 0x1b;
    flow.tos = 0xb8;
    flow.reason = EndReason::end_of_flow;
    ipfix::Writer writer({0xa1b2c3d4, 7});
    std::string bytes;
    CHECK(writer.write({&flow, 1}, true, 1472, 1'795'262'402, bytes) == 1);
    Decoder decoder;
    const Message message = decoder.decode(bytes);
    CHECK(message.export_time == 1'795'262'402);
    CHECK(message.sequence == 0);
    CHECK(message.domain == 0xa1b2c3d4);
    CHECK(message.templates == 6);
    REQUIRE(message.records.size() == 1);
    CHECK(message.records[0].first == 256);
    const std::map<unsigned, std::uint64_t> expected = {{8, 0x0a000001},
                                                        {12, 0x0a000002},
                                                        {7, 0x1234},
                                                        {11, 0x5678},
                                                        {4, 6},
                                                        {6, 0x1b},
                                                        {5, 0xb8},
                                                        {1, 0xf102030405060708},
                                                        {2, 0x0102030405060708},
                                                        {3, 0x01020304},
                                                        {152, 1'795'262'400'123},
                                                        {153, 1'795'262'401'999},
                                                        {136, 3},
                                                        {61, 1},
                                                        {10, 0},
                                                        {14, 7},
                                                        {58, 0x0102}};
    CHECK(message.records[0].second.size() == expected.size());
    for (const auto& each : expected)
        CHECK_MESSAGE(message.number(0, each.first) == each.second, "element ", each.first);
}

TEST_CASE("IPv6 and ICMP have templates of their own") {
    std::vector<FlowRecord> flows = {flow_of(1, 17, 6), flow_of(0, 1, 4), flow_of(0, 58, 6),
                                     flow_of(0, 58, 4)};
    flows[1].key.dport = 8 << 8;
    flows[2].key.dport = 128 << 8 | 3;
    ipfix::Writer writer({1, 7});
    std::string bytes;
    CHECK(writer.write(flows, true, 1472, 1, bytes) == 4);
    const Message message = Decoder().decode(bytes);
    REQUIRE(message.records.size() == 4);
    const auto& udp6 = message.records[0];
    CHECK(udp6.first == 257);
    CHECK(udp6.second.at(27) == std::string("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16));
    CHECK(udp6.second.at(28).back() == 2);
    CHECK(udp6.second.count(8) == 0);
    CHECK(message.records[1].first == 258);
    CHECK(message.number(1, 32) == 8 << 8);
    CHECK(message.number(1, 11) == 8 << 8); // for collectors that do not look at 32
    CHECK(message.records[1].second.count(7) == 0);
    CHECK(message.records[2].first == 259);
    CHECK(message.number(2, 139) == (128 << 8 | 3));
    CHECK(message.number(2, 11) == (128 << 8 | 3));
    CHECK(message.records[3].first == 256); // not ICMP of its version
    CHECK(message.number(0, 10) == 7);      // came in
    CHECK(message.number(0, 14) == 0);
}

TEST_CASE("ICMP of an unknown type has no element for it, and is no echo reply") {
    std::vector<FlowRecord> flows = {flow_of(0, 1, 4), flow_of(0, 58, 6), flow_of(0, 58, 4),
                                     flow_of(0, 1, 6), flow_of(0, 1, 4),  flow_of(0, 17, 4)};
    for (std::size_t i = 0; i < 4; ++i)
        flows[i].key.dport = icmp_unknown;
    flows[4].key.dport = 0; // an echo reply
    flows[5].key.dport = 0xffff;
    CHECK(!(flows[0].key == flows[4].key));
    ipfix::Writer writer({1, 7});
    std::string bytes;
    CHECK(writer.write(flows, true, 1472, 1, bytes) == flows.size());
    const Message message = Decoder().decode(bytes);
    const unsigned templates[] = {260, 261, 260, 261, 258, 256};
    for (std::size_t i = 0; i < flows.size(); ++i) {
        CAPTURE(i);
        const auto& [id, record] = message.records.at(i);
        CHECK(id == templates[i]);
        CHECK(record.count(32) == (i == 4));
        CHECK(record.count(139) == 0);
        CHECK(record.count(7) == (i == 5)); // nor a port
        CHECK(record.count(11) == (i >= 4));
        CHECK(record.count(i == 1 || i == 3 ? 27 : 8) == 1);
        CHECK(message.number(i, 4) == flows[i].key.proto);
    }
    CHECK(message.number(4, 32) == 0);
}

TEST_CASE("messages are as long as they may be, whatever flows there are, and lose none") {
    for (const std::size_t count : {0u, 1u, 2u, 3u, 5u, 19u, 20u, 21u, 100u, 333u}) {
        const std::vector<FlowRecord> flows = some_of_each(count);
        for (std::size_t limit = ipfix::least_bytes; limit <= 1500; limit += 29) {
            ipfix::Writer writer({1, 0});
            Decoder decoder;
            std::size_t done = 0;
            for (bool first = true; first || done < count; first = false) {
                std::string bytes;
                const std::size_t written =
                    writer.write(std::span(flows).subspan(done), first, limit, 1, bytes);
                REQUIRE(bytes.size() <= limit);
                const Message message = decoder.decode(bytes);
                REQUIRE(message.sequence == done);
                REQUIRE(message.records.size() == written);
                REQUIRE((written > 0 || count == 0));
                for (std::size_t i = 0; i < written; ++i)
                    REQUIRE(message.number(i, 1) == flows[done + i].bytes);
                done += written;
                if (done < count) { // no message ends before it is full
                    const auto next = ipfix::template_of(flows[done].key);
                    REQUIRE(bytes.size() + 4 + ipfix::record_size(next) > limit);
                }
            }
            REQUIRE(writer.sequence() == count);
        }
    }
}

TEST_CASE("a message of the largest size that its header can tell") {
    const std::vector<FlowRecord> flows(2000, flow_of(1, 6, 6));
    ipfix::Writer writer({1, 0});
    std::string bytes;
    const std::size_t written = writer.write(flows, true, ipfix::most_bytes, 1, bytes);
    CHECK(bytes.size() <= 65535);
    CHECK(bytes.size() + ipfix::record_size(Template::ipv6) > 65535);
    CHECK(Decoder().decode(bytes).records.size() == written);
}

TEST_CASE("records of one template share a set") {
    const std::vector<FlowRecord> flows(3, flow_of(1));
    ipfix::Writer writer({1, 0});
    std::string bytes;
    writer.write(flows, false, 1472, 1, bytes);
    CHECK(bytes.size() == 16 + 4 + 3 * ipfix::record_size(Template::ipv4));
}

TEST_CASE("each monitor, namespace and interface is a domain of its own, in every run the same") {
    CHECK(ipfix::domain_of("web", 4026531840, 2) == 0x6dd3aa09);
    std::set<std::uint32_t> domains;
    for (const char* monitor : {"web", "web2", "we"})
        for (const std::uint64_t netns : {4026531840, 4026532300, 4026532301})
            for (std::uint32_t interface = 1; interface < 100; ++interface)
                domains.insert(ipfix::domain_of(monitor, netns, interface));
    CHECK(domains.size() == 3 * 3 * 99);
    CHECK(domains.count(0) == 0);
}

TEST_CASE("options say how the probe samples, what it missed, and the interface's name") {
    ipfix::Writer writer({0xa1b2c3d4, 7});
    const ipfix::Facts facts{100, "a-name-of-15-let", 1'795'262'400'123};
    const ipfix::Statistics statistics{1, 2, 3, 4};
    std::string bytes;
    Decoder decoder;
    writer.write_options(facts, statistics, true, 9, bytes);
    CHECK(bytes.size() <= ipfix::least_bytes);
    const Message message = decoder.decode(bytes);
    CHECK(message.option_templates == 4);
    CHECK(message.templates == 0);
    REQUIRE(message.records.size() == 4);
    CHECK(message.number(0, 149) == 0xa1b2c3d4);
    CHECK(message.number(0, 305) == 1);
    CHECK(message.number(0, 306) == 99);
    CHECK(message.number(0, 304) == 4);
    CHECK(message.records[0].second.size() == 4);
    CHECK(message.number(1, 34) == 100); // alone: some collectors read it wrongly beside the others
    CHECK(message.records[1].second.size() == 2);
    CHECK(message.number(2, 160) == 1'795'262'400'123);
    CHECK(message.number(2, 42) == 1);
    CHECK(message.number(2, 164) == 2);
    CHECK(message.number(2, 135) == 3);
    CHECK(message.number(2, 166) == 4);
    CHECK(message.number(3, 10) == 7);
    CHECK(message.records[3].second.at(82) == std::string("a-name-of-15-le\0", 16));
    const FlowRecord flow = flow_of(1);
    writer.write({&flow, 1}, true, 1472, 10, bytes);
    CHECK(decoder.decode(bytes).sequence == 4); // they are data records too
    writer.write_options({.sample = 0}, statistics, false, 11, bytes);
    const Message again = decoder.decode(bytes);
    CHECK(again.sequence == 5);
    CHECK(again.option_templates == 0);
    CHECK(again.records.size() == 3); // no name is known
    CHECK(again.number(0, 306) == 0);
}
