// SPDX-License-Identifier: BSD-2-Clause
// The probe `ddos`: what it says of each packet, and that its limits are exact.

#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "ddos.skel.h"
#include "sessions.hpp"

namespace {

using Probe = Loaded<ddos_bpf>;

std::vector<Record> buffer(const Probe& probe) {
    return drain(probe->obj, probe->maps.PACKET_BUFFER_DDOS, "features");
}

std::uint64_t missed(const Probe& probe, const char* why) {
    const __u32 zero = 0;
    return Value(probe->obj, probe->maps.DDOS_MISSED_INGRESS, &zero).sum(why);
}

std::uint64_t all_missed(const Probe& probe) {
    std::uint64_t sum = 0;
    for (const char* why : {"fragment", "malformed", "not_ip", "other_protocol", "tunnel",
                            "map_full", "queue_full", "limit"})
        sum += missed(probe, why);
    return sum;
}

// The features of one packet, on TC and on XDP the same but for the time.
Record features(const Bytes& frame, const Probe::Setup& setup = {}) {
    std::vector<Record> found;
    for (const std::string program : {"ddos_ingress", "ddos_ingress_xdp"}) {
        Probe probe(program, setup);
        run(probe.fd(), frame);
        auto records = buffer(probe);
        REQUIRE(records.size() == 1);
        CHECK(all_missed(probe) == 0);
        found.push_back(records[0]);
    }
    for (const char* name : {"length", "tcpLen", "tcpAck", "ipFlagsFrag", "tcpWin", "udpSize",
                             "segments", "tcpFlags", "icmpType", "reverse", "direction", "app"})
        CHECK(found[0].of(name) == found[1].of(name));
    CHECK(text(found[0].key("id")) == text(found[1].key("id")));
    return found[0];
}

const Ipv4 udp4{.protocol = IPPROTO_UDP};
const Tcp full{.flags = 0xd8, .options = 3, .ack = 0x89abcdef, .window = 0xfedc};

Bytes tcp_frame(std::uint16_t source) {
    return ethernet(ETH_P_IP, ipv4({}, tcp({.source = source})));
}

} // namespace

TEST_CASE("ddos: every feature of a TCP packet, over IPv4 with options, IPv6, VLAN and QinQ") {
    const Bytes segment = tcp(full, payload(1001));
    const Bytes v4 = ipv4({.options = 2, .dont_fragment = true}, segment);
    const Bytes v6 = ipv6({.next = IPPROTO_HOPOPTS},
                          extension(IPPROTO_DSTOPTS, 1, extension(IPPROTO_TCP, 0, segment)));
    const struct {
        Bytes frame;
        std::uint64_t length, flags;
    } cases[] = {
        {ethernet(ETH_P_IP, v4), 28 + 32 + 1001, 0x4000},
        {ethernet(ETH_P_IPV6, v6), 40 + 24 + 32 + 1001, 0},
        {ethernet(ETH_P_8021Q, vlan(7, ETH_P_IP, v4)), 28 + 32 + 1001, 0x4000},
        {ethernet(ETH_P_8021AD, vlan(7, ETH_P_8021Q, vlan(8, ETH_P_IPV6, v6))), 40 + 24 + 32 + 1001,
         0},
    };
    for (const auto& [frame, length, flags] : cases) {
        const Record packet = features(frame);
        CHECK(packet.of("length") == length);
        CHECK(packet.of("ipFlagsFrag") == flags);
        CHECK(packet.of("tcpLen") == 1001);
        CHECK(packet.of("tcpAck") == 0x89abcdef);
        CHECK(packet.of("tcpFlags") == 0xd8);
        CHECK(packet.of("tcpWin") == 0xfedc);
        CHECK(packet.of("segments") == 1);
        CHECK(packet.of("app") == 6); // no text, on port 443
        for (const char* absent : {"udpSize", "icmpType", "reverse", "direction"})
            CHECK(packet.of(absent) == 0);
    }
}

TEST_CASE("ddos: UDP sizes have 16 bits, ICMP has its type") {
    CHECK(features(ethernet(ETH_P_IP, ipv4(udp4, udp(1, 2, payload(300))))).of("udpSize") == 300);
    CHECK(features(ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP}, udp(1, 2, payload(1400)))))
              .of("udpSize") == 1400);
    Bytes no_length = udp(1, 2, payload(9));
    no_length[4] = no_length[5] = 0;
    CHECK(features(ethernet(ETH_P_IP, ipv4(udp4, no_length))).of("udpSize") == 0);
    const Record unreachable =
        features(ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, icmp(3, 1, payload(28)))));
    CHECK(unreachable.of("icmpType") == 3);
    CHECK(unreachable.of("length") == 56);
    CHECK(features(ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_ICMPV6}, icmp(135, 0))))
              .of("icmpType") == 135);
}

TEST_CASE("ddos: port and first bytes tell what TCP carries, as tshark tells it") {
    constexpr unsigned none = 0, data = 1, http = 4, tls = 6, ftp_data = 8, ftp_text = 12;
    const struct {
        std::uint16_t port;
        std::string bytes;
        unsigned app;
    } cases[] = {
        {20, "a", ftp_text},
        {20, "two\r\nlines\n", ftp_text},
        {20, "twenty letters, then\xff", ftp_text},
        {20, "nineteen letters, a\xff", ftp_data},
        {20, "\ta tab", ftp_data},
        {20, std::string(20, '\0'), ftp_data},
        {443, "abcd", tls},
        {443, "abcde", data},
        {443, "abcd\xff", data},
        {443,
         "abc\xff"
         "e",
         tls},
        {443, "\x80\x2e\x01\xff\x02\x01", tls},
        {443, "GET / HTTP/1.1\r\n\r\n", http},
        {80, "GET / HTTP/1.1\r\n\r\n", http},
        {80, "POSTED", none},
        {80, "\x17\x03\x03\x01\x01\x01", none},
        {80, "abcdef", none},
        {9999, "HTTP/1.1 200 OK\r\n\r\n", http},
        {9999, "HTTPS", data},
        {9999, "DELETE / HTTP/1.1\r\n", http},
        {9999, {22, 3, 1, 0, 4, 1, 0}, tls},
        {9999, {22, 3, 4, 0, 4, 1, 0}, data},
        {9999, {22, 3, 1, 0, 0, 1, 0}, data},
        {9999, {23, 3, 3, 0x47, '\xff', 1, 0}, tls},
        {9999, {23, 3, 3, 0x48, 0, 1, 0}, data},
        {9999, {24, 3, 3, 0, 4, 1, 0}, data},
    };
    for (const auto& [port, bytes, app] : cases) {
        CAPTURE(port);
        CAPTURE(bytes);
        const Bytes segment = tcp({.destination = port}, {bytes.begin(), bytes.end()});
        CHECK(features(ethernet(ETH_P_IP, ipv4({}, segment))).of("app") == app);
    }
}

namespace {

constexpr unsigned http_head = 4, unnamed = 13, bytes_alone = 14, text_lines = 15, json = 16,
                   xml = 17, form = 18, multipart = 19, media = 20, png = 21, gif = 22, jpeg = 23;

unsigned app_of(const std::string& message) {
    const Bytes segment = tcp({.destination = 80}, {message.begin(), message.end()});
    return features(ethernet(ETH_P_IP, ipv4({}, segment))).of("app");
}

std::string answer(const std::string& lines, const std::string& body,
                   const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\n" + lines + "\r\n" + body;
}

} // namespace

TEST_CASE("ddos: the type of a body of HTTP is in the head in front of it") {
    const std::pair<std::string, unsigned> cases[] = {
        {"text/html", text_lines},
        {"Text/HTML; charset=utf-8", text_lines},
        {"text/plain", text_lines},
        {"text/css", text_lines},
        {"text/javascript", text_lines},
        {"application/x-javascript", text_lines},
        {"application/json", text_lines}, // which this body is not
        {"text/xml", xml},
        {"image/svg+xml", xml},
        {"application/x-www-form-urlencoded", form},
        {"multipart/form-data; boundary=x", multipart},
        {"multipart/mixed", multipart},
        {"application/octet-stream", bytes_alone},
        {"application/javascript", media},
        {"text/htmlx", media},
        {"application/octet-streams-of-more-bytes-than-are-read-of-a-type", media},
        {"", media},
    };
    for (const auto& [type, app] : cases) {
        CAPTURE(type);
        CHECK(app_of(answer("Content-Type: " + type + "\r\n", "<p>hello</p>")) == app);
    }
    CHECK(app_of(answer("", "<p>hello</p>")) == unnamed);
}

TEST_CASE("ddos: a line of a head of HTTP counts by its name, whatever its letters and blanks") {
    for (const std::string name : {"content-type:", "CONTENT-TYPE: ", "cOnTent-tYPE:\t \t"})
        CHECK(app_of(answer(name + "text/html\r\n", "body")) == text_lines);
    for (const std::string name : {"Content-Type : ", " Content-Type: ", "X-Content-Type: ",
                                   "Content-Types: ", "ontent-Type: ", "Xontent-Type: "})
        CHECK(app_of(answer(name + "text/html\r\n", "body")) == unnamed);
    CHECK(app_of("HTTP/1.1 200 OK\nContent-Type: text/html\n\nbody") == text_lines);
    CHECK(app_of("HTTP/1.1 200 OK\rContent-Type: text/html\r\rbody") == text_lines);
    CHECK(app_of(answer("Content-Type: text/html\r\nContent-Type: text/xml\r\n", "body")) == xml);
    CHECK(app_of(answer("no header\r\nContent-Type: text/html\r\n", "body")) == unnamed);
}

TEST_CASE("ddos: how a body of HTTP is coded and how long it is") {
    const std::string html = "Content-Type: text/html\r\n",
                      chunked = "Transfer-Encoding: chunked\r\n";
    const std::tuple<std::string, std::string, unsigned> cases[] = {
        {"Content-Encoding: gzip", "\x1f\x8b", text_lines},
        {"Content-Encoding: identity", "body", text_lines},
        {"Content-Encoding: zstd", "body", unnamed},
        {"Content-Encoding:", "body", unnamed},
        {"Content-Length: 0", "body", unnamed},
        {"Content-Length: 0", "GET / HTTP/1.1\r\n\r\n", http_head},
        {"Content-Length: 5000", "body", text_lines},
        {"Transfer-Encoding: Chunked", "4\r\nbody\r\n0\r\n\r\n", text_lines},
        {"Transfer-Encoding: chunked", "4\r\nbody\r\n", http_head},
        {"Transfer-Encoding: chunked", "0\r\n\r\n", http_head},
        {"Transfer-Encoding: identity", "body", text_lines},
    };
    for (const auto& [line, body, app] : cases) {
        CAPTURE(line);
        CAPTURE(body);
        CHECK(app_of(answer(html + line + "\r\n", body)) == app);
        CHECK(app_of(answer(line + "\r\n" + html, body)) == app);
    }
    for (const std::string status : {"100 Continue", "204 No Content", "304 Not Modified"})
        CHECK(app_of(answer(html, "body", status)) == unnamed);
    for (const std::string status : {"201 Created", "205 Reset", "404 Not Found", "500"})
        CHECK(app_of(answer(html, "body", status)) == text_lines);
    CHECK(app_of("POST / HTTP/1.1\r\n" + html + "\r\nbody") == unnamed);
    CHECK(app_of("POST / HTTP/1.1\r\n" + html + "Content-Length: 4\r\n\r\nbody") == text_lines);
    CHECK(app_of("GET / HTTP/1.1\r\n" + html + chunked + "\r\n1\r\na\r\n0\r\n\r\n") == text_lines);
}

TEST_CASE("ddos: what a body of HTTP is, where its first and last bytes tell") {
    const std::string type = "Content-Type: application/json\r\n";
    for (const std::string body : {"{}", "[1]", "{\"a\": 1}\n", "[{}]\r\n"})
        CHECK(app_of(answer(type, body)) == json);
    for (const std::string body : {"{", "[1,", "}", "{\"a\": [1]", "null", "7"})
        CHECK(app_of(answer(type, body)) == text_lines);
    const std::string rest(20, '\0');
    const std::pair<std::string, unsigned> pictures[] = {
        {"\x89PNG\r\n\x1a\n" + rest, png},
        {"GIF89a" + rest, gif},
        {std::string("\xff\xd8\xff\xe0\0\x10JFIF", 10) + rest, jpeg},
        {std::string("\xff\xd8\xff\xe1\0\x10"
                     "Exif",
                     10) +
             rest,
         jpeg},
    };
    for (const auto& [body, app] : pictures) {
        CHECK(app_of(answer("Content-Type: image/x\r\n", body)) == app);
        CHECK(app_of(answer("", body)) == app);
        CHECK(app_of(answer("Content-Type: image/x\r\n", body.substr(0, 15))) == media);
        CHECK(app_of(answer("Content-Type: text/html\r\n", body)) == text_lines);
        CHECK(app_of(answer("Content-Type: application/octet-stream\r\n", body)) == bytes_alone);
    }
}

// Cut off at any byte, so that pieces of each length are copied; and with each length of the head
// around the end of what is looked at.
TEST_CASE("ddos: a body of HTTP has a name from its first byte on, if that is one of 1,024") {
    const std::string head =
        answer("X: " + std::string(150, 'a') + "\r\nContent-Type: text/xml\r\n", "");
    const std::string message = head + std::string(80, 'b');
    for (std::size_t size = 5; size <= message.size(); ++size) {
        CAPTURE(size);
        CHECK(app_of(message.substr(0, size)) == (size > head.size() ? xml : http_head));
    }
    const std::size_t rest = answer("X: \r\nContent-Type: text/xml\r\n", "").size();
    for (std::size_t begin = 1000; begin < 1050; ++begin) {
        CAPTURE(begin);
        const std::string filler(begin - rest, 'a');
        const std::string after = answer("X: " + filler + "\r\nContent-Type: text/xml\r\n", "body");
        const std::string before =
            answer("Content-Type: text/xml\r\nX: " + filler + "\r\n", "body");
        CHECK(app_of(after) == (begin < 1024 ? xml : http_head));
        CHECK(app_of(before) == (begin < 1024 ? xml : http_head));
    }
}

TEST_CASE("ddos: a head of HTTP is found behind any headers") {
    const std::string message = answer("Content-Type: text/xml\r\n", std::string(1200, 'b'));
    const Bytes body(message.begin(), message.end());
    const Bytes segment = tcp({.destination = 80, .options = 10}, body);
    for (const Bytes& frame : {ethernet(ETH_P_IP, ipv4({.options = 10}, segment)),
                               ethernet(ETH_P_8021Q, vlan(7, ETH_P_IPV6, ipv6({}, segment))),
                               ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_DSTOPTS},
                                                         extension(IPPROTO_TCP, 1, segment)))})
        CHECK(features(frame).of("app") == xml);
}

TEST_CASE("ddos: the end of a body of HTTP in a fragment of XDP" *
          doctest::skip(!has_xdp_frags())) {
    Probe probe("ddos_ingress_xdp", [](ddos_bpf& skeleton) {
        skeleton.rodata->dynmon_frags = true;
        bpf_program__set_flags(skeleton.progs.ddos_ingress_xdp, BPF_F_XDP_HAS_FRAGS);
    });
    for (const auto& [end, app] : {std::pair(']', json), {',', text_lines}}) {
        const std::string message =
            answer("Content-Type: application/json\r\n", "[" + std::string(6000, ' ') + end);
        const Bytes segment = tcp({.destination = 80}, {message.begin(), message.end()});
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, segment)));
        const auto packets = buffer(probe);
        REQUIRE(packets.size() == 1);
        CHECK(packets[0].of("app") == app);
    }
}

TEST_CASE("ddos: a packet says which end sent it, and through which hook it came") {
    for (const auto& [program, direction] :
         {std::pair<std::string, unsigned>("ddos_ingress", 0), {"ddos_egress", 1}}) {
        Probe probe(program);
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({}))));
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                                                tcp({.source = 443, .destination = 40000}))));
        const auto packets = buffer(probe);
        REQUIRE(packets.size() == 2);
        CHECK(packets[0].of("reverse") == 0);
        CHECK(packets[1].of("reverse") == 1);
        CHECK(text(packets[0].key("id")) == text(packets[1].key("id")));
        for (const Record& packet : packets)
            CHECK(packet.of("direction") == direction);
    }
}

TEST_CASE("ddos: packets carry the time at which they came, in their order") {
    Probe probe("ddos_ingress");
    const std::int64_t now = read_clock(CLOCK_REALTIME);
    probe->data_dynmon->dynmon_clock_base = now - read_clock(CLOCK_MONOTONIC);
    run(probe.fd(), tcp_frame(1));
    run(probe.fd(), tcp_frame(2));
    const auto packets = buffer(probe);
    REQUIRE(packets.size() == 2);
    CHECK(packets[0].of("timestamp") < packets[1].of("timestamp"));
    CHECK(std::abs(static_cast<std::int64_t>(packets[0].of("timestamp")) - now) < 1'000'000'000);
}

TEST_CASE("ddos: a super-packet is one record that says for how many it stands") {
    Probe probe("ddos_ingress");
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.options = 3}, payload(1001)))), {100, 11});
    const auto packets = buffer(probe);
    REQUIRE(packets.size() == 1);
    CHECK(packets[0].of("segments") == 11);
    CHECK(packets[0].of("length") == 52 + 1001);
    CHECK(packets[0].of("tcpLen") == 1001);
}

TEST_CASE(
    "ddos: fragments have IP flags alike in both versions, and without an L4 header no more") {
    const Bytes body = udp(1234, 5678, payload(64));
    const auto v4 = [&](std::uint16_t offset, bool more) {
        return ethernet(
            ETH_P_IP,
            ipv4({.protocol = IPPROTO_UDP, .fragment_offset = offset, .more_fragments = more},
                 body));
    };
    const auto v6 = [&](std::uint16_t offset, bool more) {
        return ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_FRAGMENT},
                                         fragment(IPPROTO_UDP, offset, more, body)));
    };
    for (const Bytes& frame : {v4(0, true), v6(0, true)}) {
        const Record packet = features(frame);
        CHECK(packet.of("ipFlagsFrag") == 0x2000);
        CHECK(packet.of("udpSize") == 64);
        CHECK(ntohs(packet.key("id").sport) == 1234);
    }
    for (const Bytes& frame : {v4(9, true), v6(9, true)})
        CHECK(features(frame).of("ipFlagsFrag") == 0x2009);
    for (const Bytes& frame : {v4(18, false), v6(18, false)}) {
        const Record packet = features(frame);
        CHECK(packet.of("ipFlagsFrag") == 18);
        for (const char* absent : {"udpSize", "tcpLen", "tcpFlags", "icmpType", "app"})
            CHECK(packet.of(absent) == 0);
        CHECK(packet.key("id").sport == 0);
        CHECK(packet.key("id").dport == 0);
    }
}

TEST_CASE("ddos: a later fragment of ICMP has an unknown type, and is no echo reply") {
    const Bytes v4 =
        ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP, .fragment_offset = 9}, payload(64)));
    const Bytes v6 = ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_FRAGMENT},
                                               fragment(IPPROTO_ICMPV6, 9, false, payload(64))));
    for (const Bytes& frame : {v4, v6}) {
        CHECK(features(frame).of("icmpType") == 255);
        Probe probe("ddos_ingress");
        run(probe.fd(), frame);
        const bpf_map* map = probe->maps.SESSIONS_TRACKED_DDOS;
        CHECK(only_session(probe->obj, map, "session_value").of("method") == 2);
    }
    CHECK(features(v4, [](ddos_bpf& skeleton) {
              skeleton.rodata->with_icmp_type = false;
          }).of("icmpType") == 0);
}

TEST_CASE("ddos: fragments=false only counts fragments without an L4 header") {
    Probe probe("ddos_ingress", [](ddos_bpf& skeleton) { skeleton.rodata->fragments = false; });
    for (const std::uint16_t offset : {0, 9, 18})
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP,
                                                 .fragment_offset = offset,
                                                 .more_fragments = offset < 18},
                                                udp(1, 2, payload(64)))));
    CHECK(buffer(probe).size() == 1);
    CHECK(missed(probe, "fragment") == 2);
    CHECK(all_missed(probe) == 2);
}

TEST_CASE("ddos: what belongs to no session is counted by reason") {
    Probe probe("ddos_ingress");
    Bytes short_tcp = tcp({});
    short_tcp[12] = 4 << 4; // a header of 16 bytes
    const auto count = [&](const char* why, const Bytes& frame) {
        CAPTURE(why);
        const auto before = missed(probe, why);
        const auto all = all_missed(probe);
        run(probe.fd(), frame);
        CHECK(missed(probe, why) == before + 1);
        CHECK(all_missed(probe) == all + 1);
    };
    count("not_ip", ethernet(ETH_P_ARP, payload(28)));
    count("malformed", first(tcp_frame(1), 40)); // less than announced
    count("malformed", ethernet(ETH_P_IP, ipv4({}, first(tcp({}), 19))));
    count("malformed", ethernet(ETH_P_IP, ipv4({}, short_tcp)));
    count("malformed", ethernet(ETH_P_IP, ipv4({}, first(tcp({.options = 10}), 30))));
    count("malformed", ethernet(ETH_P_IP, ipv4(udp4, first(udp(1, 2), 7))));
    count("malformed", ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_ICMPV6}, payload(7))));
    count("other_protocol", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_SCTP}, payload(20))));
    count("other_protocol", ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_NONE}, payload(20))));
    count("tunnel", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_GRE}, payload(20))));
    count("tunnel", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_IPIP}, ipv4({}, tcp({})))));
    count("tunnel", ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_IPV6}, ipv6({}, tcp({})))));
    CHECK(buffer(probe).empty());
    CHECK(sessions(probe->maps.SESSIONS_TRACKED_DDOS).empty());
}

// Cut off at any byte, once with the length in the IP header as it was and once with the true one.
TEST_CASE("ddos: a packet is captured if and only if its L4 header is there") {
    const Bytes get = {'G', 'E', 'T', ' ', '/'};
    const struct {
        Bytes frame;
        std::size_t l3, whole;
    } cases[] = {
        {ethernet(ETH_P_IP, ipv4({.options = 2}, tcp({.options = 3}, get))), 14, 14 + 28 + 32},
        {ethernet(ETH_P_8021Q, vlan(7, ETH_P_IPV6, ipv6({}, tcp({}, get)))), 18, 18 + 40 + 20},
        {ethernet(ETH_P_IP, ipv4(udp4, udp(1, 2, get))), 14, 14 + 20 + 8},
        {ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_ICMPV6}, icmp(128, 0, get))), 14, 14 + 40 + 8},
    };
    for (const std::string program : {"ddos_ingress", "ddos_ingress_xdp"}) {
        Probe probe(program);
        for (const auto& [frame, l3, whole] : cases) {
            // Newer kernels refuse a test run with less than an IP header.
            const std::size_t least = l3 + (frame[l3] >> 4 == 4 ? 20 : 40);
            for (std::size_t size = least; size <= frame.size(); ++size) {
                CAPTURE(size);
                run(probe.fd(), first(frame, size));
                CHECK(buffer(probe).size() == (size == frame.size()));
                run(probe.fd(), with_true_length(first(frame, size), l3));
                CHECK(buffer(probe).size() == (size >= whole));
            }
        }
    }
}
