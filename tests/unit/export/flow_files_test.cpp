// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "export/flow_files.hpp"
#include "export/flow_table.hpp"
#include "object/test_objects.hpp"
#include "sandbox/restrict.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

constexpr TimeOuts none{0, 0};
constexpr TimeOuts some{15 * second, 60 * second};

std::vector<std::string> rows_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<std::string> rows;
    for (std::string row; std::getline(file, row);)
        rows.push_back(row);
    return rows;
}

std::string column(const std::string& row, std::size_t number) {
    std::istringstream cells(row);
    std::string cell;
    for (std::size_t i = 0; i <= number; ++i)
        std::getline(cells, cell, ',');
    return cell;
}

// One window, in batches as a map is read. Flow i began at `first_of(i)`.
template <typename FirstOf>
void big_window(FlowExporter& exporter, const MetricView& view, std::uint64_t sequence,
                std::size_t flows, FirstOf first_of) {
    constexpr std::size_t batch = 500;
    exporter.prepare({&view});
    exporter.begin_document("web", {sequence, 0, sequence * second, 1});
    exporter.begin_metric(view);
    std::vector<Key> keys(batch);
    std::vector<Value> values(batch, one);
    for (std::size_t i = 0; i < flows; i += batch) {
        for (std::size_t j = 0; j < batch; ++j) {
            keys[j] = key_of(static_cast<std::uint16_t>(i + j));
            keys[j].vlan = static_cast<std::uint16_t>((i + j) >> 16);
            values[j].first = values[j].last = first_of(i + j);
        }
        exporter.entries({batch, reinterpret_cast<const std::byte*>(keys.data()),
                          reinterpret_cast<const std::byte*>(values.data()), sizeof(Key),
                          sizeof(Value)});
    }
    exporter.end_metric(0);
    exporter.end_document();
}

// Tells how many flows the files hold in memory.
struct Watched final : FlowSink {
    Watched(OutputDir& dir, bool keeps) : files(dir, keeps) {}
    const char* profile() const override { return files.profile(); }
    void make_room() override { files.make_room(); }
    bool has(const FlowWindow& from) const override { return files.has(from); }
    void add(std::vector<FlowRecord> flows, const FlowWindow& from) override {
        files.add(std::move(flows), from);
        most = std::max(most, files.waiting().size());
    }
    std::vector<std::string> send() override { return files.send(); }
    const std::vector<FlowRecord>& waiting() const override { return files.waiting(); }
    bool takes_parts() const override { return files.takes_parts(); }
    void send_part() override { files.send_part(); }
    void forget() override { files.forget(); }
    void close(bool is_saved) override { files.close(is_saved); }
    FlowFiles files;
    std::size_t most = 0;
};

// Bytes of the most memory that this process has had since it was called the last time.
std::size_t peak_memory() {
    std::ifstream status("/proc/self/status");
    std::size_t peak = 0;
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:"))
            peak = std::stoul(line.substr(6)) * 1024;
    std::ofstream("/proc/self/clear_refs") << "5";
    return peak;
}

constexpr bool is_memory_real = !sanitized; // what is freed stays for a while then

} // namespace

TEST_CASE("files of flows: without time-outs memory does not grow with the flows of a window") {
    const Table table;
    const TemporaryFolder folder;
    OutputDir dir((folder.path() / "out").string());
    Watched sink(dir, false);
    FlowExporter exporter(none, 100, sink, [](const WindowReport&) {});
    // Those that come later began earlier; two at a time began at once.
    const auto first = [](std::size_t i) { return (1'000'000 - i / 2) * second; };
    constexpr std::size_t sizes[] = {1'000, 50'000, 200'000};
    std::vector<std::size_t> held, memory;
    for (const std::size_t flows : sizes) {
        sink.most = 0;
        peak_memory();
        big_window(exporter, table.view, held.size() + 1, flows, first);
        memory.push_back(peak_memory());
        held.push_back(sink.most);
    }
    for (std::size_t i = 0; i < std::size(sizes); ++i) {
        const std::size_t flows = sizes[i];
        const auto rows =
            rows_of(folder.path() / "out" / ("flows-iter" + std::to_string(i) + ".csv"));
        REQUIRE(rows.size() == flows + 1);
        std::vector<std::string> seen, keys;
        for (std::size_t row = 1; row < rows.size(); ++row) {
            seen.push_back(column(rows[row], 0));
            keys.push_back(column(rows[row], 3) + ' ' + column(rows[row], 11));
        }
        CHECK(std::is_sorted(seen.begin(), seen.end()));
        CHECK(keys[0] == "10.0.0.1:" + std::to_string((flows - 2) & 0xffff) + ' ' +
                             std::to_string((flows - 2) >> 16)); // the first of the two
        std::sort(keys.begin(), keys.end());
        CHECK(std::unique(keys.begin(), keys.end()) == keys.end());
    }
    CHECK(held[0] == 1'000);
    CHECK(held[1] <= 16'384);
    CHECK(held[2] == held[1]);
    if (is_memory_real)
        CHECK(memory[2] < memory[1] + (4u << 20)); // in rows alone there are 18 MB more
    std::size_t names = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(folder.path() / "out"))
        ++names;
    CHECK(names == 5); // three tables, the state, the lock
}

TEST_CASE("files of flows: a window that was given up in the middle is whole when it comes again") {
    const Table table;
    const TemporaryFolder folder;
    OutputDir dir((folder.path() / "out").string());
    FlowFiles files(dir, false);
    FlowExporter exporter(none, 100, files, [](const WindowReport&) {});
    const auto first = [](std::size_t i) { return (1 + i) * second; };
    // What is in the way of the file that parts go to.
    const std::filesystem::path in_the_way = folder.path() / "out" / ".dynmon-flows";
    std::filesystem::create_directory(in_the_way);
    CHECK_THROWS_AS(big_window(exporter, table.view, 1, 50'000, first), SinkUnavailable);
    std::filesystem::remove(in_the_way);
    big_window(exporter, table.view, 1, 50'000, first);
    CHECK(rows_of(folder.path() / "out" / "flows-iter0.csv").size() == 50'001);
}

TEST_CASE("files of flows: a window takes a number, also without a file, and they go on") {
    const Table table;
    const TemporaryFolder folder;
    std::vector<std::uint64_t> numbers;
    std::vector<std::string> names;
    const auto report = [&](const WindowReport& said) {
        numbers.push_back(said.iteration);
        names.insert(names.end(), said.files.begin(), said.files.end());
    };
    for (const std::uint64_t sequence : {1, 4}) {
        OutputDir dir((folder.path() / "out").string());
        FlowFiles files(dir, true);
        FlowExporter exporter(some, 100, files, report);
        Value ended = one;
        ended.tcp_flags = 1; // FIN
        window(exporter, table.view, sequence, {}, {});
        window(exporter, table.view, sequence + 1, {key_of(1)}, {ended});
        window(exporter, table.view, sequence + 1, {key_of(1)}, {ended}); // it comes again
        window(exporter, table.view, sequence + 2, {key_of(1)}, {ended});
        exporter.close();
    }
    CHECK(numbers == std::vector<std::uint64_t>{0, 1, 2, 2, 3, 4, 5, 5});
    CHECK(names == std::vector<std::string>{"flows-iter1.csv", "flows-iter2.csv", "flows-iter4.csv",
                                            "flows-iter5.csv"});
}

TEST_CASE("a collector's windows have the monitor's numbers, in every run") {
    const Table table;
    std::vector<std::uint64_t> numbers;
    for (const std::uint64_t sequence : {1, 3}) {
        KeptOutlet sink;
        FlowExporter exporter(none, 100, sink,
                              [&](const WindowReport& said) { numbers.push_back(said.iteration); });
        window(exporter, table.view, sequence, {key_of(1)}, {one});
        window(exporter, table.view, sequence + 1, {key_of(1)}, {one});
    }
    CHECK(numbers == std::vector<std::uint64_t>{0, 1, 2, 3});
}

TEST_CASE("flows that cannot be written at the end are lost, or in the state and not lost") {
    const Table table;
    for (const bool has_state : {false, true}) {
        const TemporaryFolder folder;
        const std::filesystem::path out = folder.path() / "out";
        const std::string path = (folder.path() / "state").string();
        const auto state = [&] {
            return has_state ? std::optional<FlowState>(std::in_place, path, "web") : std::nullopt;
        };
        std::string said, hint;
        {
            OutputDir dir(out.string());
            FlowFiles files(dir, true);
            FlowExporter exporter(
                some, 100, files, [](const WindowReport&) {}, state());
            window(exporter, table.view, 1, {key_of(1), key_of(2)}, {one, one});
            std::filesystem::create_directory(out / "flows-iter1.csv"); // is in the way
            try {
                exporter.close();
                FAIL("it has written over something");
            } catch (const Error& error) {
                said = error.what();
                hint = error.hint();
            }
        }
        std::filesystem::remove(out / "flows-iter1.csv");
        const std::string why =
            ": make " + (out / "flows-iter1.csv").string() + ": file exists (EEXIST)";
        CHECK(said == (has_state ? "write the last 2 flows" : "2 flows lost") + why);
        CHECK(hint == (has_state ? "they are in " + path + ", and go with the next export"
                                 : "make room first; with --state the next export has them"));
        OutputDir dir(out.string());
        FlowFiles files(dir, true);
        FlowExporter next(
            some, 100, files, [](const WindowReport&) {}, state());
        next.close();
        CHECK(std::filesystem::exists(out / "flows-iter0.csv") == has_state);
    }
}
