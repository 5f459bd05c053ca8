// SPDX-License-Identifier: BSD-2-Clause
#include "export/sessions.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

const Key web = session_key("10.0.0.1", 443, "10.0.0.2", 5000);

std::vector<OutFile> render(bool json, const std::vector<Key>& keys,
                            const std::vector<Counted>& values, std::size_t cpus,
                            Merge merge = Merge::sum) {
    const Sessions made;
    MetricView view = made.crypto(cpus);
    view.merge = merge;
    const auto formatter = make_crypto_formatter(json);
    formatter->begin(view);
    formatter->add(batch(keys, values, cpus));
    return formatter->files(window_name(5));
}

// The server is the key's source.
const Counted first_cpu{10,         4, 1000, 100, noon, noon + 1'000'000'000, address("10.0.0.1"),
                        htons(443), 1, {}};
const Counted second_cpu{30, 0, 3000, 0, noon + 500'000'000, noon + 4'000'000'000, {}, 0, 0, {}};

constexpr const char* expected =
    "1, 40, 4, 32000, 800, 4000000000, 10.0, 1.0, 8000.0, 200.0, 800.0, 200.0, 10.0, 40.0";

} // namespace

TEST_CASE("crypto: CPUs are one session, from the first packet to the last, client and server") {
    for (const Merge merge : {Merge::sum, Merge::none}) {
        const auto files = render(false, {web}, {first_cpu, second_cpu}, 2, merge);
        REQUIRE(files.size() == 1);
        CHECK(files[0].name == "results.csv");
        CHECK(files[0].appends());
        CHECK(files[0].text == std::string("1795262404000000000, 10.0.0.2, 10.0.0.1, 5000, 443, "
                                           "TCP, ") +
                                   expected + "\n");
    }
}

TEST_CASE("crypto: which CPU made the session does not matter") {
    CHECK(render(false, {web}, {first_cpu, second_cpu}, 2)[0].text ==
          render(false, {web}, {second_cpu, first_cpu}, 2)[0].text);
}

TEST_CASE("crypto: IPv4 and IPv6 sessions whose addresses have the same bytes are two lines") {
    const Key v6 = session_key("::ffff:10.0.0.1", 443, "::ffff:10.0.0.2", 5000);
    const std::string text = render(false, {web, v6}, {first_cpu, first_cpu}, 1)[0].text;
    CHECK(text.find(", 10.0.0.2, 10.0.0.1, 5000, 443, TCP") != std::string::npos);
    CHECK(text.find(", ::ffff:10.0.0.2, ::ffff:10.0.0.1, 5000, 443, TCP") != std::string::npos);
}

TEST_CASE("crypto: the header is the original's") {
    const auto files = render(false, {web}, {first_cpu}, 1);
    CHECK(files[0].header ==
          "Timestamp (Unix ns), IP Client, IP Server, Port Client, Port Server, Protocol, Server "
          "Method, Packets_server, Packets_client, Bits_ server, Bits_ client, Duration (ns), "
          "Packets_server / Seconds, Packets_client / Seconds, Bits_server / Seconds, Bits_client "
          "/ Seconds, Bits_server / Packets_server, Bits_client / Packets_client, Packets_server "
          "/ Packets_client, Bits_server / Bits_client\n");
}

TEST_CASE("crypto: JSON has the same values; dashes are strings") {
    const auto files = render(true, {web}, {first_cpu, second_cpu}, 2);
    REQUIRE(files.size() == 1);
    CHECK(files[0].name == "result_5.json");
    CHECK(files[0].text ==
          std::string("[\n{\"id\": [\"10.0.0.2\", \"10.0.0.1\", 5000, 443, \"TCP\"], \"value\": "
                      "[1795262404000000000, ") +
              expected + "]}\n]\n");
    Counted single{1, 0, 28, 0, noon, noon, address("10.0.0.2"), htons(5000), 2, {}};
    const auto document = nlohmann::json::parse(render(true, {web}, {single}, 1)[0].text)[0];
    CHECK(document["id"] == nlohmann::json({"10.0.0.1", "10.0.0.2", 443, 5000, "TCP"}));
    CHECK(document["value"].dump() == "[1795262400000000000,2,0,1,0,224,0,\"-\",\"-\",\"-\",\"-\","
                                      "\"-\",224.0,0.0,0.0]");
}

TEST_CASE("crypto: no sessions, no file") {
    CHECK(render(false, {}, {}, 1).empty());
}

TEST_CASE("crypto: a field that is missing is named") {
    Sessions made;
    MetricView view = made.crypto(1);
    for (Layout& field : view.value.fields)
        if (field.name == "n_bytes")
            field.name = "n_bits";
    CHECK(fault([&] { make_crypto_formatter(false)->begin(view); })
              .starts_with("metric 'sessions_tracked_crypto' has no field 'value.n_bytes', which "
                           "profile 'crypto' needs"));
}
