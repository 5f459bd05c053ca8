// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_files.hpp"
#include "export/flows.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("flows are rows with the columns of nfdump") {
    FlowRecord tcp = flow_of(40000);
    tcp.first_ns = 1'795'262'400 * second + 123'456'789;
    tcp.last_ns = tcp.first_ns + 1'250'000'000;
    tcp.packets = 12;
    tcp.bytes = 3400;
    tcp.tcp_flags = 0x1b;
    tcp.tos = 184;
    tcp.reason = EndReason::end_of_flow;
    FlowRecord udp = flow_of(53, 17, 6);
    udp.first_ns = udp.last_ns = 1'795'262'399 * second;
    udp.key.egress = 1;
    udp.key.vlan = 100;
    udp.flows = 3;
    udp.reason = EndReason::idle;
    FlowRecord ping = flow_of(0, 1);
    ping.key.dport = 8 << 8 | 1;
    ping.first_ns = 1'795'262'401 * second + 5;
    ping.last_ns = ping.first_ns - 1; // clocks of two CPUs
    ping.tcp_flags = 0xff;
    ping.key.proto = 1;
    FlowRecord other = flow_of(0, 253);
    other.first_ns = other.last_ns = ping.first_ns + 1;
    FlowRecord fragment = ping;
    fragment.key.dport = icmp_unknown;
    fragment.first_ns = fragment.last_ns = ping.first_ns + 2;
    fragment.tcp_flags = 0;
    std::string text(flow_csv_header);
    for (const FlowRecord& flow : {udp, tcp, ping, other, fragment})
        put_flow_csv_row(flow, text);
    CHECK(text ==
          "First seen,Duration,Proto,Src IP:Port,Dst IP:Port,Flags,ToS,Packets,Bytes,Flows,"
          "Direction,VLAN,End\r\n"
          "2026-11-21 11:59:59.000000000,0.000000000,UDP,[fd00::1]:53,[fd00::2]:443,........,0,1,"
          "100,3,egress,100,idle\r\n"
          "2026-11-21 12:00:00.123456789,1.250000000,TCP,10.0.0.1:40000,10.0.0.2:443,...AP.SF,184,"
          "12,3400,1,ingress,0,end\r\n"
          "2026-11-21 12:00:01.000000005,0.000000000,ICMP,10.0.0.1:0,10.0.0.2:8.1,CEUAPRSF,0,1,"
          "100,1,ingress,0,\r\n"
          "2026-11-21 12:00:01.000000006,0.000000000,253,10.0.0.1:0,10.0.0.2:443,........,0,1,100,"
          "1,ingress,0,\r\n"
          "2026-11-21 12:00:01.000000007,0.000000000,ICMP,10.0.0.1:0,10.0.0.2:unknown,........,0,1,"
          "100,1,ingress,0,\r\n");
}
