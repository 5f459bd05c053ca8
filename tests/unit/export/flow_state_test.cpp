// SPDX-License-Identifier: BSD-2-Clause
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "export/flow_table.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

constexpr TimeOuts usual{15 * second, 60 * second};

struct Kept {
    TemporaryFolder folder;
    std::string path = (folder.path() / "flows").string();

    FlowState state(const char* monitor = "web") const { return FlowState(path, monitor); }
    FlowExporter exporter(FlowSink& sink) const {
        return FlowExporter(
            usual, 100, sink, [](const WindowReport&) {}, state());
    }
};

std::uint64_t packets_of(const KeptOutlet& sink) {
    std::uint64_t packets = 0;
    for (const FlowRecord& flow : sink.stored)
        packets += flow.packets;
    return packets;
}

} // namespace

TEST_CASE("a file that cannot be one is called by its name") {
    const Kept kept;
    std::filesystem::create_directory(kept.path);
    CHECK_THROWS_WITH_AS(static_cast<void>(kept.state().load()),
                         (kept.path + " is a directory, not a file").c_str(), Error);
    CHECK_THROWS_WITH_AS(FlowState(kept.path + "/no/such", "web"),
                         ("open " + kept.path + "/no: no such file or directory (ENOENT)").c_str(),
                         Error);
}

TEST_CASE("flows come out of their file as they went in") {
    const Kept kept;
    CHECK_FALSE(kept.state().load());
    const std::list<FlowRecord> cached = {flow_of(1), flow_of(2, 17, 6)};
    const std::vector<FlowRecord> waiting = {flow_of(3)};
    kept.state().save({7, 100, 200, 3}, cached, {}, waiting);
    const auto saved = kept.state().load();
    REQUIRE(saved);
    CHECK(saved->stored.sequence == 7);
    CHECK(saved->stored.to_ns == 200);
    CHECK(saved->stored.generation == 3);
    REQUIRE(saved->cached.size() == 2);
    CHECK(saved->cached[1].key == flow_of(2, 17, 6).key);
    CHECK(saved->cached[1].bytes == 100);
    REQUIRE(saved->waiting.size() == 1);
    CHECK(saved->waiting[0].key.sport == 3);
    kept.state().save({8, 200, 300, 3}, {}, {}, {});
    CHECK(kept.state().load()->cached.empty());
    kept.state().remove();
    CHECK_FALSE(kept.state().load());
    kept.state().remove();
}

TEST_CASE("a file that holds no flows of this monitor is refused, whatever is in it") {
    const Kept kept;
    kept.state().save({7, 100, 200, 3}, {flow_of(1)}, {}, {flow_of(2)});
    CHECK_THROWS_WITH_AS(kept.state("other").load(),
                         (kept.path + " holds the flows of monitor 'web'").c_str(), Error);
    std::ifstream in(kept.path, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), {});
    const auto refused = [&](const std::string& bytes) {
        std::ofstream(kept.path, std::ios::binary | std::ios::trunc) << bytes;
        CHECK_THROWS_AS(kept.state().load(), Error);
    };
    for (std::size_t size = 0; size < good.size(); ++size)
        refused(good.substr(0, size));
    refused(good + '\0');
    for (const std::size_t at : {0u, 13u, 16u, 24u, 64u, 72u}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x80);
        refused(bad);
        bad = good;
        bad[at + 7] = static_cast<char>(bad[at + 7] ^ 0x80); // far too many
        if (at >= 16)
            refused(bad);
    }
    CHECK_THROWS_AS(FlowState("/nowhere/at/all", "web"), Error);
}

TEST_CASE("a file for flows that is none of ours is refused, and not waited for") {
    const Kept kept;
    const auto fault = [&] {
        try {
            static_cast<void>(kept.state().load());
        } catch (const Error& error) {
            return std::string(error.what()).substr(kept.path.size() + 1);
        }
        return std::string();
    };
    REQUIRE(::mkfifo(kept.path.c_str(), 0600) == 0);
    CHECK(fault() == "is a FIFO, not a file");
    std::filesystem::remove(kept.path);
    kept.state().save({7, 100, 200, 3}, {flow_of(1)}, {}, {});
    std::filesystem::create_hard_link(kept.path, kept.path + ".other");
    CHECK(fault() == "has other names too (hard links), which lead to the same bytes");
    std::filesystem::remove(kept.path + ".other");
    std::filesystem::resize_file(kept.path, std::uintmax_t{1} << 40); // sparse
    CHECK(fault().starts_with("is damaged: it has 1099511627776 bytes, not "));
}

TEST_CASE("flows are not saved into a file that another process put there") {
    const Kept kept;
    const std::string precious = kept.path + ".precious";
    std::ofstream(precious) << "mine";
    std::filesystem::create_hard_link(precious, kept.path + ".new");
    kept.state().save({7, 100, 200, 3}, {flow_of(1)}, {}, {});
    CHECK(std::filesystem::file_size(precious) == 4);
    CHECK(kept.state().load()->cached.size() == 1);
}

TEST_CASE("an export that is killed loses no flow, and a window that comes again counts once") {
    const Kept kept;
    const Table table;
    KeptOutlet sink;
    {
        FlowExporter killed = kept.exporter(sink);
        window(killed, table.view, 3, {key_of(1)}, {one});
        window(killed, table.view, 4, {key_of(1)}, {one});
    }
    CHECK(sink.stored.empty());
    FlowExporter next = kept.exporter(sink);
    CHECK(next.cached() == 1);
    window(next, table.view, 4, {key_of(1)}, {one}); // it could not be emptied
    window(next, table.view, 5, {key_of(1)}, {one});
    next.close();
    REQUIRE(sink.stored.size() == 1);
    CHECK(packets_of(sink) == 12);
    CHECK_FALSE(kept.state().load());
}

TEST_CASE("what has left the cache and not arrived is in the file too") {
    const Kept kept;
    const Table table;
    KeptOutlet away;
    away.keeps = away.fails = true;
    Value late = one;
    late.first = late.last = 29 * second;
    {
        FlowExporter killed = kept.exporter(away);
        window(killed, table.view, 3, {key_of(1)}, {one});
        window(killed, table.view, 30, {key_of(2)}, {late}); // the first one is idle
        CHECK(killed.cached() == 1);
    }
    KeptOutlet sink;
    FlowExporter next = kept.exporter(sink);
    CHECK(sink.added.size() == 1);
    CHECK(next.cached() == 1);
    next.close();
    CHECK(packets_of(sink) == 8);
}

TEST_CASE("a window whose flows could not be saved comes again only to be saved") {
    const Kept kept;
    const Table table;
    KeptOutlet sink;
    FlowExporter exporter = kept.exporter(sink);
    const std::filesystem::path in_the_way = kept.path + ".new";
    std::filesystem::create_directory(in_the_way);
    CHECK_THROWS_AS(window(exporter, table.view, 3, {key_of(1)}, {one}), SinkUnavailable);
    std::filesystem::remove(in_the_way);
    window(exporter, table.view, 3, {key_of(1)}, {one});
    CHECK(kept.state().load()->cached.at(0).packets == 4);
    exporter.close();
    CHECK(packets_of(sink) == 4);
}

TEST_CASE("what could not be saved is not handed out at the end: its window comes again") {
    const Kept kept;
    const Table table;
    KeptOutlet sink;
    {
        FlowExporter exporter = kept.exporter(sink);
        window(exporter, table.view, 3, {key_of(1)}, {one});
        std::filesystem::remove_all(kept.folder.path());
        CHECK_THROWS_AS(window(exporter, table.view, 4, {key_of(1), key_of(2)}, {one, one}),
                        SinkUnavailable);
        exporter.close();
        CHECK(packets_of(sink) == 4);
        CHECK(sink.closed);
    }
    std::filesystem::create_directory(kept.folder.path());
    FlowExporter next = kept.exporter(sink);
    window(next, table.view, 4, {key_of(1), key_of(2)}, {one, one});
    next.close();
    CHECK(packets_of(sink) == 12);
}

TEST_CASE("flows that neither arrive at the end nor can be saved are not said to be in the file") {
    const Kept kept;
    const Table table;
    KeptOutlet sink;
    FlowExporter exporter = kept.exporter(sink);
    window(exporter, table.view, 3, {key_of(1)}, {one});
    std::filesystem::remove_all(kept.folder.path());
    sink.fails = true;
    try {
        exporter.close();
        FAIL("the sink is away");
    } catch (const Error& error) {
        CHECK(error.hint().find("they are in") == std::string::npos);
    }
    std::filesystem::create_directory(kept.folder.path());
}
