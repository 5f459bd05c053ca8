// SPDX-License-Identifier: BSD-2-Clause
#include "export/sessions.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

const Key web = session_key("10.0.0.1", 5000, "10.0.0.2", 80);

Packet packet(const Key& id, std::uint64_t timestamp) {
    Packet result{};
    result.id = id;
    result.timestamp = timestamp;
    return result;
}

Packet tcp_packet() {
    Packet result = packet(web, noon + 5);
    result.length = 70000;
    result.tcp_length = 69960;
    result.tcp_ack = 4294967295;
    result.ip_flags = 0x4000;
    result.tcp_window = 65535;
    result.tcp_flags = 0x18;
    result.udp_size = 7;
    result.icmp_type = 3;
    return result;
}

std::string text_of(const std::vector<OutFile>& files) {
    REQUIRE(files.size() == 1);
    CHECK_FALSE(files[0].appends());
    return files[0].text;
}

} // namespace

TEST_CASE("ddos: a CSV has a row a feature and a cell a packet, as the original wrote it") {
    const auto formatter = make_ddos_formatter(false, 7);
    const auto files = render_ddos(*formatter, {tcp_packet(), packet(web, noon + 1'000'000'000)},
                                   {web}, {{address("10.0.0.2"), htons(80), {}, 2}}, 3);
    REQUIRE(files.size() == 1);
    CHECK(files[0].name == "10.0.0.1-5000___10.0.0.2-80___TCP-iter3.csv");
    CHECK(files[0].text == "Seconds     ,\t1795262400, 1795262401\n"
                           "Ns          ,\t000000005, 000000000\n"
                           "IPv4 flags  ,\t16384, 0\n"
                           "TCP flags   ,\t24, 0\n"
                           "TCP Win     ,\t65535, 0\n"
                           "UDP len     ,\t7, 0\n"
                           "ICMP type   ,\t3, 0");
    CHECK(formatter->counts().sessions == 1);
    CHECK(formatter->counts().packets == 2);
}

TEST_CASE("ddos: ten rows") {
    const auto formatter = make_ddos_formatter(false, 10);
    CHECK(text_of(render_ddos(*formatter, {tcp_packet()}, {}, {})) ==
          "Seconds     ,\t1795262400\nNs          ,\t000000005\nLength      ,\t70000\n"
          "IPv4 flags  ,\t16384\nTCP len     ,\t69960\nTCP ACK     ,\t4294967295\n"
          "TCP flags   ,\t24\nTCP Win     ,\t65535\nUDP len     ,\t7\nICMP type   ,\t3");
}

TEST_CASE("ddos: JSON") {
    const Key v6 = session_key("fd00::1", 1, "fd00::2", 2, 17, 9);
    const auto seven = make_ddos_formatter(true, 7);
    const auto files = render_ddos(*seven, {tcp_packet(), packet(v6, 1)}, {web},
                                   {{address("10.0.0.1"), htons(5000), {}, 1}}, 12);
    REQUIRE(files.size() == 1);
    CHECK(files[0].name == "result_12.json");
    CHECK(nlohmann::json::accept(files[0].text));
    CHECK(files[0].text == "[\n"
                           R"({"id": ["10.0.0.2", 80, "10.0.0.1", 5000, "TCP"], "packets": )"
                           "[[1795262400.000000005, 16384, 24, 65535, 7, 3]]},\n"
                           R"({"id": ["fd00::1", 1, "fd00::2", 2, "UDP"], "vlan": 9, "packets": )"
                           "[[0.000000001, 0, 0, 0, 0, 0]]}\n]\n");
    const auto ten = make_ddos_formatter(true, 10);
    CHECK(text_of(render_ddos(*ten, {tcp_packet()}, {}, {}))
              .find("[[1795262400.000000005, 70000, 16384, 69960, 4294967295, 24, 65535, 7, 3]]") !=
          std::string::npos);
}

TEST_CASE("ddos: a session without packets and a packet without its session are both there") {
    const Key other = session_key("10.0.0.3", 1, "10.0.0.4", 2, 17);
    const auto formatter = make_ddos_formatter(false, 7);
    const auto files = render_ddos(*formatter, {packet(other, noon)}, {web},
                                   {{address("10.0.0.2"), htons(80), {}, 900}});
    REQUIRE(files.size() == 2);
    CHECK(files[0].name == "10.0.0.3-1___10.0.0.4-2___UDP-iter0.csv");
    CHECK(files[1].name == "10.0.0.1-5000___10.0.0.2-80___TCP-iter0.csv");
    CHECK(files[1].text.starts_with("Seconds     ,\t\nNs          ,\t\n"));
}

TEST_CASE("ddos: the same ends in two VLANs are two files") {
    Key tagged = web;
    tagged.vlan = 12;
    const auto formatter = make_ddos_formatter(false, 7);
    const auto files = render_ddos(*formatter, {packet(web, 1), packet(tagged, 2)}, {}, {});
    REQUIRE(files.size() == 2);
    CHECK(files[0].name != files[1].name);
}

TEST_CASE("ddos: IPv4 and IPv6 sessions whose addresses have the same bytes are two") {
    const Key v4 = session_key("10.0.0.1", 5000, "10.0.0.2", 80);
    const Key v6 = session_key("::ffff:10.0.0.1", 5000, "::ffff:10.0.0.2", 80);
    const std::vector<Tracked> servers = {{address("10.0.0.2"), htons(80), {}, 1},
                                          {address("::ffff:10.0.0.2"), htons(80), {}, 1}};
    const auto csv = make_ddos_formatter(false, 7);
    const auto files = render_ddos(*csv, {packet(v4, 1), packet(v6, 2)}, {v4, v6}, servers);
    REQUIRE(files.size() == 2);
    CHECK(files[0].name == "10.0.0.1-5000___10.0.0.2-80___TCP-iter0.csv");
    CHECK(files[1].name == "--ffff-10.0.0.1-5000___--ffff-10.0.0.2-80___TCP-iter0.csv");
    const auto document = make_ddos_formatter(true, 7);
    const std::string text =
        render_ddos(*document, {packet(v4, 1), packet(v6, 2)}, {v4, v6}, servers)[0].text;
    const auto sessions = nlohmann::json::parse(text);
    REQUIRE(sessions.size() == 2);
    CHECK(sessions[0]["id"] == nlohmann::json({"10.0.0.1", 5000, "10.0.0.2", 80, "TCP"}));
    CHECK(sessions[1]["id"] ==
          nlohmann::json({"::ffff:10.0.0.1", 5000, "::ffff:10.0.0.2", 80, "TCP"}));
    LucidOptions options;
    for (const bool ipv6 : {false, true}) {
        options.ipv6 = ipv6;
        const auto lucid = make_lucid_formatter(options);
        const auto beside = nlohmann::json::parse(
            render_ddos(*lucid, {packet(v4, 1), packet(v6, 2)}, {v4, v6}, servers).at(1).text);
        REQUIRE(beside["flows"].size() == (ipv6 ? 2 : 1));
        CHECK(beside["flows"][0]["id"][0] == "10.0.0.1");
        if (ipv6)
            CHECK(beside["flows"][1]["id"][0] == "::ffff:10.0.0.1");
    }
}

TEST_CASE("ddos: nothing makes no file, and nothing is left from the window before") {
    const auto formatter = make_ddos_formatter(false, 7);
    CHECK(render_ddos(*formatter, {tcp_packet()}, {}, {}).size() == 1);
    CHECK(render_ddos(*formatter, {}, {}, {}).empty());
    CHECK(formatter->counts().packets == 0);
}

TEST_CASE("ddos: a field that is missing is named") {
    Sessions made;
    MetricView view = made.packets();
    const int poor =
        made.types.group("poor", 48, {{"id", made.key, 0}, {"timestamp", made.types.u64, 320}});
    view.value = made.types.layout(poor, 48);
    const auto formatter = make_ddos_formatter(false, 7);
    CHECK(fault([&] { formatter->begin(view); })
              .starts_with("metric 'packets_buffer_ddos' has no field 'value.ipFlagsFrag', which "
                           "profile 'ddos' needs"));
    view.key.reset();
    view.name = "sessions_tracked_ddos";
    CHECK(fault([&] {
              formatter->begin(view);
          }).starts_with("metric 'sessions_tracked_ddos' has no field 'key.saddr'"));
}

TEST_CASE("ddos: ten rows need the three fields that seven do without") {
    Sessions made;
    MetricView view = made.packets();
    for (Layout& field : view.value.fields)
        if (field.name == "tcpAck")
            field.name = "other";
    CHECK(fault([&] { make_ddos_formatter(false, 7)->begin(view); }).empty());
    CHECK(fault([&] {
              make_ddos_formatter(false, 10)->begin(view);
          }).starts_with("metric 'packets_buffer_ddos' has no field 'value.tcpAck'"));
}
