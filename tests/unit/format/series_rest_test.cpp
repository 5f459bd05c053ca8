// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include "format/metrics.hpp"
#include "format/openmetrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

// Counters by a key, two series at most.
struct Bounded {
    explicit Bounded(MetricType type = MetricType::counter) : view(m.counters(BPF_MAP_TYPE_HASH)) {
        view.open_metrics.emplace();
        view.open_metrics->help = "Help.";
        view.open_metrics->type = type;
        view.open_metrics->labels = {key_label("k", "key"), fixed_label("site", "a")};
        view.open_metrics->max_series = 2;
    }
    // Each with the count 10 times its key.
    SeriesTable table(const std::vector<std::uint32_t>& keys) const {
        SeriesTable made(view);
        add(made, keys);
        return made;
    }
    static void add(SeriesTable& table, const std::vector<std::uint32_t>& keys) {
        std::vector<std::uint64_t> counts;
        for (const std::uint32_t key : keys)
            counts.push_back(std::uint64_t{10} * key);
        table.add(batch(keys, counts));
    }
    static std::string lines(const std::vector<const SeriesTable*>& tables) {
        Sink sink(-1);
        write_openmetrics(tables, {{"monitor", "web"}}, sink);
        std::string text;
        for (std::size_t at = 0, end = 0; at < sink.buffer().size(); at = end + 1) {
            end = sink.buffer().find('\n', at);
            if (sink.buffer()[at] != '#')
                text += sink.buffer().substr(at, end + 1 - at);
        }
        return text;
    }
    static std::string line(const std::string& labels, std::uint64_t count) {
        return "packets_total{monitor=\"web\"," + labels + ",direction=\"ingress\"} " +
               std::to_string(count) + "\n";
    }
    static std::string of_key(std::uint32_t key, std::uint64_t count) {
        return line("k=\"" + std::to_string(key) + "\",site=\"a\"", count);
    }
    static std::string rest(const std::string& name, std::uint64_t count) {
        return line("site=\"a\",dynmon_series=\"" + name + "\"", count);
    }

    Metrics m;
    MetricView view;
};

const std::byte* id_of(const std::uint32_t& key) {
    return reinterpret_cast<const std::byte*>(&key);
}

} // namespace

TEST_CASE("what is beyond max-series is summed up in one series that says so") {
    const Bounded b;
    const SeriesTable table = b.table({1, 2, 3, 1, 4});
    CHECK(table.rows().size() == 2);
    CHECK(b.lines({&table}) == b.of_key(1, 20) + b.of_key(2, 20) + b.rest("other", 70));
}

TEST_CASE("which series have a place does not depend on the order of the entries") {
    const Bounded b;
    std::vector<std::uint32_t> keys = {1, 2, 3, 4};
    do {
        SeriesTable at_once = b.table(keys);
        SeriesTable one_by_one(b.view);
        for (const std::uint32_t key : keys)
            b.add(one_by_one, {key});
        const std::string expected = b.of_key(1, 10) + b.of_key(2, 20) + b.rest("other", 70);
        CHECK(b.lines({&at_once}) == expected);
        CHECK(b.lines({&one_by_one}) == expected);
    } while (std::next_permutation(keys.begin(), keys.end()));
}

TEST_CASE("series that come later take no place from those that have one") {
    const Bounded b;
    SeriesTable table(b.view);
    table.keep_place(id_of(9));
    b.add(table, {1, 2, 3, 9});
    CHECK(b.lines({&table}) == b.of_key(1, 10) + b.of_key(9, 90) + b.rest("other", 50));
}

TEST_CASE("all that had a place are shown, also when there are more of them than max-series") {
    const Bounded b;
    SeriesTable table(b.view);
    const std::uint64_t stored = 100;
    for (const std::uint32_t key : {5, 6, 7})
        table.add_total(id_of(key), &stored);
    b.add(table, {1, 7});
    CHECK(b.lines({&table}) ==
          b.of_key(5, 100) + b.of_key(6, 100) + b.of_key(7, 170) + b.rest("other", 10));
}

TEST_CASE("the rests of two tables are added up, and are none of the other direction") {
    const Bounded b;
    SeriesTable table = b.table({1, 2, 3});
    table.absorb(b.table({1, 2, 4}));
    const std::uint64_t ended = 7;
    table.add_rest(SeriesTable::Rest::ended, &ended);
    MetricView out = b.view;
    out.direction = Direction::egress;
    SeriesTable sent(out);
    b.add(sent, {3, 4, 5});
    const std::string text = b.lines({&table, &sent});
    CHECK(text.starts_with(b.of_key(1, 20) + b.of_key(2, 40) + b.rest("other", 70) +
                           b.rest("ended", 7)));
    CHECK(text.ends_with(
        "packets_total{monitor=\"web\",site=\"a\",dynmon_series=\"other\",direction=\"egress\"} "
        "50\n"));
}

TEST_CASE("a gauge has no sum, so that nothing stands for those beyond max-series") {
    const Bounded b(MetricType::gauge);
    const SeriesTable table = b.table({1, 2, 3});
    CHECK(b.lines({&table}).find("dynmon_series") == std::string::npos);
}

TEST_CASE("the label of the rest is dynmon's own") {
    Bounded b;
    b.view.open_metrics->labels = {key_label("dynmon_series", "key")};
    CHECK_THROWS_WITH_AS(
        SeriesTable{b.view},
        "metric 'packets_total': the label 'dynmon_series' has a name that is dynmon's own", Error);
}
