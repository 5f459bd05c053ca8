// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "export/collector.hpp"

using namespace dynmon;

TEST_CASE("addresses of collectors, with the port of IPFIX where none is given") {
    const auto parse = [](const char* text) { return CollectorAddress::parse(text, "--to"); };
    CHECK(parse("udp:10.0.0.1:9995").text() == "udp:10.0.0.1:9995");
    CHECK(parse("tcp:collector.example").text() == "tcp:collector.example:4739");
    CHECK(parse("tcp:[fd00::1]:2055").text() == "tcp:[fd00::1]:2055");
    CHECK(parse("tcp:[fd00::1]:2055").host == "fd00::1");
    CHECK(parse("udp:[::1]").text() == "udp:[::1]:4739");
    CHECK_FALSE(parse("udp:a:1").tcp);
    CHECK(parse("tcp:a:65535").tcp);
}

TEST_CASE("what is no address of a collector is refused with the reason") {
    const auto fault = [](const char* text) -> std::string {
        try {
            CollectorAddress::parse(text, "--to");
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            CHECK(error.hint().find("udp:HOST:PORT") == 0);
            return error.what();
        }
        return "taken";
    };
    CHECK(fault("10.0.0.1:9995") == "--to '10.0.0.1:9995': neither udp: nor tcp:");
    CHECK(fault("sctp:a:1") == "--to 'sctp:a:1': neither udp: nor tcp:");
    CHECK(fault("udp:fd00::1:9995") ==
          "--to 'udp:fd00::1:9995': an IPv6 address has to be in brackets");
    CHECK(fault("udp:[fd00::1") == "--to 'udp:[fd00::1': a ] is missing");
    CHECK(fault("udp:[fd00::1]9") == "--to 'udp:[fd00::1]9': a : is missing behind the ]");
    CHECK(fault("udp::1") == "--to 'udp::1': no host");
    CHECK(fault("udp:") == "--to 'udp:': no host");
    for (const char* port : {"", "0", "65536", "99999999999", "http", "-1", "1 "})
        CHECK(fault((std::string("tcp:a:") + port).c_str()) ==
              "--to 'tcp:a:" + std::string(port) + "': '" + port + "' is not a port");
}
