// SPDX-License-Identifier: BSD-2-Clause
// Prefixes of deny lists: read strictly, printed as they were meant, in order.
#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "filter/field_value.hpp"

using dynmon::Error;
using dynmon::Network;

namespace {

std::string fault(std::string_view text) {
    try {
        return "read as " + Network::parse(text).text();
    } catch (const Error& error) {
        CHECK(error.kind() == dynmon::ErrorKind::usage);
        return std::string(error.what()) + " | " + error.hint();
    }
}

} // namespace

TEST_CASE("a prefix is printed as it was written, an address with its length") {
    for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "172.16.0.0/12", "::/0",
                             "2001:db8::/32", "fd00::1/128", "fe80::/10"})
        CHECK(Network::parse(text).text() == text);
    CHECK(Network::parse("192.0.2.7").text() == "192.0.2.7/32");
    CHECK(Network::parse("2001:DB8:0:0::7").text() == "2001:db8::7/128");
    CHECK(Network::parse("10.0.0.0/8").ipv4);
    CHECK_FALSE(Network::parse("fd00::/8").ipv4);
}

TEST_CASE("what is no prefix is refused with what was expected") {
    for (const char* text : {"", "/", "/8", "10", "10.0.0", "10.0.0.0.0", "010.0.0.0", "10.0.0.256",
                             " 10.0.0.0", "10.0.0.0 ", "fd00:::1", "fd00::g", "host", "10.0.0.0-8"})
        CHECK(fault(text).find("is no address or prefix | such as 10.0.0.0/8") !=
              std::string::npos);
    CHECK(fault(std::string_view("10.0.0.1\0x", 10)).find("read as") == std::string::npos);
    for (const char* text :
         {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ",
          "10.0.0.0/8/8", "10.0.0.0/x", "10.0.0.0/4294967304"})
        CHECK(fault(text).find("no length from 0 to 32") != std::string::npos);
    CHECK(fault("::/129").find("no length from 0 to 128") != std::string::npos);
}

TEST_CASE("bits behind the length are a mistake, and the hint says what was meant") {
    CHECK(fault("10.1.2.3/8") ==
          "'10.1.2.3/8' has bits behind its length | did you mean 10.0.0.0/8?");
    CHECK(fault("10.0.0.129/25").find("did you mean 10.0.0.128/25?") != std::string::npos);
    CHECK(fault("2001:db8::1/33").find("did you mean 2001:db8::/33?") != std::string::npos);
    CHECK(fault("1.0.0.0/0").find("did you mean 0.0.0.0/0?") != std::string::npos);
}

TEST_CASE("IPv4 in the form of IPv6 is refused: no packet has it") {
    CHECK(fault("::ffff:10.0.0.1").find("write it as an IPv4 prefix") != std::string::npos);
    CHECK(fault("::ffff:10.0.0.0/104").find("IPv4 in the form of IPv6") != std::string::npos);
}

TEST_CASE("networks are in order, and know what lies in them") {
    const auto at = [](const char* text) { return Network::parse(text); };
    std::vector<Network> networks = {at("fd00::/8"),  at("10.1.0.0/16"), at("::/0"),
                                     at("9.0.0.0/8"), at("10.0.0.0/8"),  at("10.0.0.0/16")};
    std::sort(networks.begin(), networks.end());
    std::string order;
    for (const Network& network : networks)
        order += network.text() + " ";
    CHECK(order == "9.0.0.0/8 10.0.0.0/8 10.0.0.0/16 10.1.0.0/16 ::/0 fd00::/8 ");
    CHECK(at("10.0.0.0/8").contains(at("10.1.0.0/16")));
    CHECK(at("10.0.0.0/8").contains(at("10.0.0.0/8")));
    CHECK_FALSE(at("10.1.0.0/16").contains(at("10.0.0.0/8")));
    CHECK_FALSE(at("10.0.0.0/8").contains(at("11.0.0.1")));
    CHECK_FALSE(at("::/0").contains(at("10.0.0.1")));
    CHECK(at("::/0").contains(at("fd00::1")));
}
