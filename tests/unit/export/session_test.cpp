// SPDX-License-Identifier: BSD-2-Clause
#include "export/session.hpp"
#include "export/sessions.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

IpBytes ip(const std::string& text) {
    IpBytes bytes{};
    std::memcpy(bytes.data(), address(text).bytes, bytes.size());
    return bytes;
}

SessionId session(const char* source, std::uint16_t sport, const char* destination,
                  std::uint16_t dport) {
    const std::uint8_t version = std::string(source).find(':') == std::string::npos ? 4 : 6;
    return {{ip(source), sport}, {ip(destination), dport}, 6, 0, version};
}

std::string stem(SessionId id, const Endpoint& server, std::uint8_t protocol = 6,
                 std::uint16_t vlan = 0) {
    id.protocol = protocol;
    id.vlan = vlan;
    return file_stem(sides_of(id, server), id);
}

} // namespace

TEST_CASE("session: the server comes second, whichever side of the key it is") {
    const SessionId id = session("10.0.0.1", 80, "10.0.0.2", 5000);
    CHECK(stem(id, id.source) == "10.0.0.2-5000___10.0.0.1-80___TCP");
    CHECK(stem(id, id.destination) == "10.0.0.1-80___10.0.0.2-5000___TCP");
}

TEST_CASE("session: of an unknown server the destination counts as one") {
    const SessionId id = session("10.0.0.1", 80, "10.0.0.2", 5000);
    const Sides sides = sides_of(id, {});
    CHECK(sides.server == id.destination);
    CHECK_FALSE(sides.swapped);
}

TEST_CASE("session: with equal addresses the port tells the server") {
    const SessionId id = session("10.0.0.1", 80, "10.0.0.1", 5000);
    CHECK(sides_of(id, {ip("10.0.0.1"), 80}).server.port == 80);
    CHECK(sides_of(id, {ip("10.0.0.1"), 5000}).server.port == 5000);
    CHECK(sides_of(id, {ip("10.0.0.1"), 0}).server.port == 5000);
}

TEST_CASE(
    "session: names of IPv6 sessions have no colon, VLANs and unknown protocols are in them") {
    const SessionId id = session("::", 1, "fd00::a:b", 65535);
    CHECK(stem(id, {}, 58) == "---1___fd00--a-b-65535___IPv6-ICMP");
    CHECK(stem(id, {}, 17, 12) == "---1___fd00--a-b-65535___UDP-vlan12");
    CHECK(stem(session("10.0.0.1", 0, "10.0.0.2", 0), {}, 253) == "10.0.0.1-0___10.0.0.2-0___253");
}

TEST_CASE("session: IPv4 and IPv6 of the same bytes have names of their own") {
    const SessionId mapped = session("::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", 5000);
    CHECK(stem(mapped, {}) == "--ffff-10.0.0.1-80___--ffff-10.0.0.2-5000___TCP");
    SessionId v4 = mapped;
    v4.ip_version = 4;
    CHECK(stem(v4, {}) == "10.0.0.1-80___10.0.0.2-5000___TCP");
    CHECK(!(v4 == mapped));
}
