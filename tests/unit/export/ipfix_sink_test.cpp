// SPDX-License-Identifier: BSD-2-Clause
#include <deque>

#include "base/log.hpp"
#include "export/flows.hpp"
#include "export/ipfix_sink.hpp"

using namespace dynmon;
using namespace dynmon::test;
using namespace std::chrono_literals;

namespace {

// A collector that listens or not, and acknowledges or not.
struct FakeCollector final : Collector {
    struct Host {
        bool up = true;
        bool acknowledges = true;
        bool udp = false;
        std::size_t takes = 1000;                      // messages of one connection, then it breaks
        int attempts = 0;                              // to connect
        std::vector<std::vector<std::string>> streams; // messages by connection
    };
    explicit FakeCollector(Host& at) : host(at) {}
    void connect() override {
        ++host.attempts;
        if (!host.up)
            throw Error(ErrorKind::failed, "connect to fake", ECONNREFUSED);
        host.streams.emplace_back();
    }
    void disconnect() override {}
    void reset() override {}
    std::size_t max_message() const override { return 600; }
    bool forgets() const override { return host.udp; }
    void send(std::string_view message) override {
        if (!host.up || host.streams.back().size() >= host.takes)
            throw Error(ErrorKind::failed, "send to fake", ECONNRESET);
        host.streams.back().emplace_back(message);
    }
    bool has_arrived(std::chrono::milliseconds) override {
        if (!host.up)
            throw Error(ErrorKind::failed, "send to fake", ECONNRESET);
        return host.acknowledges;
    }
    bool has_time() override { return true; }
    Host& host;
};

struct TestSink {
    explicit TestSink(IpfixOptions options = {}, bool udp = false) {
        host.udp = udp;
        options.collector = "fake";
        options.patience = 200ms;
        sink = std::make_unique<IpfixSink>(
            options, std::make_unique<FakeCollector>(host),
            IpfixSink::Clocks{[this] { return now += tick; },
                              [] { return std::uint64_t{1'795'262'400} * second; },
                              [this](std::chrono::nanoseconds time) { now += time; },
                              [this] { return stopping; }});
        log::set_quiet(true);
    }
    ~TestSink() { log::set_quiet(false); }

    void store(std::size_t count, std::uint16_t first = 0) {
        std::vector<FlowRecord> flows;
        for (std::size_t i = 0; i < count; ++i)
            flows.push_back(flow_of(static_cast<std::uint16_t>(first + i)));
        sink->add(flows, {});
        sink->send();
    }
    // Ports of the flows that came over a connection; checks its sequence numbers.
    std::vector<std::uint16_t> ports(std::size_t stream) const {
        std::vector<std::uint16_t> found;
        Decoder decoder; // a collector knows only what came on this connection
        for (const std::string& bytes : host.streams.at(stream)) {
            const Message message = decoder.decode(bytes);
            CHECK(message.sequence == found.size());
            for (std::size_t i = 0; i < message.records.size(); ++i)
                found.push_back(static_cast<std::uint16_t>(message.number(i, 7)));
        }
        return found;
    }
    std::size_t templates(std::size_t stream, std::size_t message) const {
        Decoder decoder;
        std::size_t found = 0;
        for (std::size_t i = 0; i <= message; ++i)
            found = decoder.decode(host.streams.at(stream).at(i)).templates;
        return found;
    }

    FakeCollector::Host host;
    std::chrono::nanoseconds now = 1h, tick = 1ms;
    bool stopping = false;
    std::unique_ptr<IpfixSink> sink;
};

std::vector<std::uint16_t> up_to(std::uint16_t count) {
    std::vector<std::uint16_t> ports;
    for (std::uint16_t i = 0; i < count; ++i)
        ports.push_back(i);
    return ports;
}

} // namespace

TEST_CASE("over TCP templates are sent once a connection, sequence numbers count records") {
    TestSink o;
    for (std::uint16_t window = 0; window < 30; ++window) {
        o.store(10, window * 10);
        o.now += 100s;
    }
    o.sink->close(false);
    REQUIRE(o.host.streams.size() == 1);
    CHECK(o.ports(0) == up_to(300));
    CHECK(o.templates(0, 0) == 6);
    for (std::size_t i = 1; i < o.host.streams[0].size(); ++i)
        CHECK(o.templates(0, i) == 0);
    CHECK(o.sink->waiting().size() == 0);
    CHECK(o.sink->sent().flows == 300);
}

TEST_CASE("over UDP templates begin every window, and are repeated after so many messages") {
    TestSink o({.template_refresh = 60s, .template_messages = 3}, true);
    o.store(60);
    o.store(1);
    o.store(1);
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < o.host.streams.at(0).size(); ++i)
        found.push_back(o.templates(0, i));
    const std::size_t windows = 2;
    REQUIRE(found.size() > 7 + windows);
    for (std::size_t i = 0; i < found.size() - windows; ++i)
        CHECK_MESSAGE(found[i] == (i % 3 == 0 ? 6 : 0), "message ", i);
    CHECK(found[found.size() - 2] == 6);
    CHECK(found.back() == 6);
}

TEST_CASE("over UDP templates are repeated after a time too, within a window that takes long") {
    TestSink o({.keeps = false, .template_refresh = 60s, .template_messages = 1000, .rate = 1},
               true);
    o.store(1000);
    std::size_t found = 0;
    for (std::size_t i = 0; i < o.host.streams.at(0).size(); ++i)
        found += o.templates(0, i) == 6;
    CHECK(found == 2);
}

TEST_CASE("flows wait while the collector is away, and go when it is back, each once") {
    TestSink o;
    o.host.up = false;
    o.store(5);
    o.store(5, 5);
    CHECK(o.host.attempts == 1); // the second time it is too soon
    CHECK(o.sink->waiting().size() == 10);
    o.now += 2s;
    o.store(1, 10);
    CHECK(o.host.attempts == 2);
    o.host.up = true;
    o.now += 60s;
    o.store(1, 11);
    o.sink->close(false);
    CHECK(o.ports(0) == up_to(12));
    CHECK(o.sink->waiting().size() == 0);
}

TEST_CASE("what a broken connection may have lost is sent again on the next one") {
    TestSink o;
    o.store(3);
    o.sink->send(); // these have arrived
    o.host.acknowledges = false;
    o.store(3, 3);
    o.host.up = false; // breaks before it has acknowledged
    o.store(1, 6);
    CHECK(o.sink->waiting().size() == 4);
    o.host.up = o.host.acknowledges = true;
    o.now += 60s;
    o.store(1, 7);
    REQUIRE(o.host.streams.size() == 2);
    CHECK(o.ports(0) == up_to(6));
    CHECK(o.ports(1) == std::vector<std::uint16_t>{3, 4, 5, 6, 7});
    CHECK(o.templates(1, 0) == 6);
}

TEST_CASE("a connection that breaks between two messages of a window loses none of its flows") {
    TestSink o;
    o.host.takes = 2;
    o.store(40);
    CHECK(o.sink->waiting().size() == 40);
    o.host.takes = 1000;
    o.now += 60s;
    o.store(0);
    o.sink->close(false);
    CHECK(o.ports(1) == up_to(40));
}

TEST_CASE("when too many flows wait no more windows are taken until the collector is back") {
    TestSink o({.max_waiting = 10});
    o.host.up = false;
    o.store(9);
    o.sink->make_room();
    o.store(3, 9);
    CHECK_THROWS_AS(o.sink->make_room(), SinkUnavailable);
    CHECK(o.sink->waiting().size() == 12); // none was dropped
    o.host.up = true;
    o.now += 60s;
    o.sink->make_room();
    o.sink->close(false);
    CHECK(o.ports(0) == up_to(12));
}

TEST_CASE("without time-outs a window has arrived, or nothing of it is kept") {
    TestSink o({.keeps = false});
    o.sink->make_room();
    o.store(3);
    CHECK(o.sink->waiting().size() == 0);
    o.host.acknowledges = false;
    o.sink->make_room();
    CHECK_THROWS_AS(o.store(3, 3), SinkUnavailable);
    CHECK(o.sink->waiting().size() == 0);
    CHECK_THROWS_AS(o.sink->make_room(), SinkUnavailable); // too soon: the window stays open
    o.host.acknowledges = true;
    o.now += 60s;
    o.sink->make_room();
    o.store(3, 3); // the window came again
    o.sink->close(false);
    CHECK(o.ports(1) == std::vector<std::uint16_t>{3, 4, 5});
}

TEST_CASE("an export that ends without its collector says what is lost") {
    TestSink o;
    o.host.up = false;
    o.store(3);
    try {
        o.sink->close(false);
        FAIL("closed");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::failed);
        CHECK(std::string(error.what()) == "3 flows (3 packets, 300 bytes) did not arrive: connect "
                                           "to fake: connection refused (ECONNREFUSED)");
    }
}

TEST_CASE("the end of an export waits for the collector to acknowledge") {
    TestSink o;
    o.host.acknowledges = false;
    o.store(1);
    CHECK_THROWS_AS(o.sink->close(false), Error);
    o.host.acknowledges = true;
    o.sink->close(false);
    CHECK(o.sink->waiting().size() == 0);
}

TEST_CASE("over UDP messages keep to the rate, and what a window has no time for goes later") {
    TestSink o({.rate = 100, .share = 500ms}, true);
    o.tick = 1us;
    const auto began = o.now;
    o.store(1000);
    CHECK(o.now - began <= 510ms);
    CHECK(o.host.streams.at(0).size() > 50);
    CHECK(o.host.streams[0].size() < 60);
    CHECK(o.sink->waiting().size() == 1000);
    o.store(0);
    CHECK(o.sink->waiting().size() < 800); // what was sent has arrived
    o.sink->close(false);
    CHECK(o.ports(0) == up_to(1000));
}

TEST_CASE("the end of an export goes faster than the rate where it would take too long") {
    TestSink o({.rate = 10, .share = 0ms}, true);
    o.tick = 1us;
    o.store(1000);
    const auto began = o.now;
    o.sink->close(false);
    CHECK(o.ports(0) == up_to(1000));
    CHECK(o.now - began < 400ms); // twice the patience
}

TEST_CASE(
    "a window that is not kept is sent to its end at the rate, unless the export has to stop") {
    for (const bool stops : {false, true}) {
        TestSink o({.keeps = false, .rate = 100, .share = 0ms}, true);
        o.tick = 1us;
        o.stopping = stops;
        const auto began = o.now;
        o.store(1000);
        CHECK(o.ports(0) == up_to(1000));
        CHECK(o.sink->waiting().empty());
        CHECK((o.now - began < 400ms) == stops);
    }
}

TEST_CASE("the rate is not for TCP, and 0 is none") {
    for (const bool udp : {false, true}) {
        TestSink o({.rate = udp ? 0u : 1u}, udp);
        o.tick = 0s;
        const auto began = o.now;
        o.store(1000);
        CHECK(o.now == began);
    }
}

TEST_CASE("when too many flows wait for their turn a window is taken once there is room") {
    TestSink o({.rate = 100, .share = 0ms, .max_waiting = 100}, true);
    o.tick = 1us;
    o.store(1000);
    o.sink->make_room();
    o.store(1, 1000);
    o.sink->close(false);
    CHECK(o.ports(0) == up_to(1001));
}

TEST_CASE("reports of the export go before the flows, after a time, when they change, at the end") {
    TestSink o({.template_refresh = 60s, .facts = [](std::uint32_t generation) {
                    return ipfix::Facts{generation, "d", 0};
                }});
    const auto window = [&](std::uint32_t generation, std::uint64_t dropped, bool flow) {
        FlowWindow from;
        from.window.generation = generation;
        from.dropped = dropped;
        o.sink->add(std::vector<FlowRecord>(flow ? 1 : 0, flow_of(1)), from);
        o.sink->send();
    };
    window(1, 0, false); // nothing to say
    CHECK(o.host.attempts == 0);
    window(1, 0, true);
    window(1, 5, true);
    window(2, 0, true);
    o.now += 60s;
    window(2, 0, false);
    window(2, 7, false);
    o.sink->close(false);
    Decoder decoder;
    std::vector<std::uint64_t> told; // the rate and what was dropped; 0: a flow
    for (const std::string& bytes : o.host.streams.at(0)) {
        const Message message = decoder.decode(bytes);
        const bool options = message.records.at(0).first >= 262;
        told.push_back(options ? message.number(1, 34) * 100 + message.number(2, 135) : 0);
    }
    CHECK(told == std::vector<std::uint64_t>{100, 0, 0, 205, 0, 212, 212});
}

TEST_CASE(
    "what was missed in a window that did not arrive is not counted twice when it comes again") {
    TestSink o({.keeps = false, .template_refresh = 0s, .facts = [](std::uint32_t) {
                    return ipfix::Facts{};
                }});
    FlowWindow from;
    from.window.generation = 1;
    from.ignored = 3;
    from.dropped = 5;
    o.host.acknowledges = false;
    o.sink->add({flow_of(1)}, from);
    CHECK_THROWS_AS(o.sink->send(), SinkUnavailable);
    o.host.acknowledges = true;
    o.now += 60s;
    o.sink->add({flow_of(1)}, from);
    o.sink->send();
    const Message message = Decoder().decode(o.host.streams.at(1).at(0));
    CHECK(message.number(2, 164) == 3);
    CHECK(message.number(2, 135) == 5);
}
