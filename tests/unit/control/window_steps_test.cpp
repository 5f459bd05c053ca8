// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>

#include <doctest/doctest.h>

#include "control/window_steps.hpp"

using namespace dynmon;

namespace {

struct Killed {};

// A monitor of four metrics, of which packets change each at any moment: two are swapped, one is
// emptied in place, one is a gauge that stays. What a killed process had only in its head is gone.
class FakeMonitor : public WindowPort {
public:
    static constexpr std::size_t metrics = 4, emptied = 2, gauge = 3;

    // Kills the process at its n-th step from now: before it, in the middle, or right behind it.
    void kill_at(std::size_t step) { steps_left_ = step; }
    void kill_never() { steps_left_ = SIZE_MAX; }

    ReadFacts facts(std::uint64_t wanted, bool takes = true, bool one_document = false) const {
        return {.state = state_,
                .generation = generation_,
                .metrics = metric_facts(wanted),
                .takes = takes,
                .one_document = one_document};
    }

    // As the next verb does with what a killed one has left.
    void settle() { running_ = state_.active_side(); }

    bool read(std::uint64_t wanted, bool takes = true, bool one_document = false) {
        settle();
        wanted_ = wanted;
        takes_ = takes;
        return WindowSteps(facts(wanted, takes, one_document), *this).run();
    }

    // Swapped metrics get new maps; those that are not go on in both generations.
    void replace() {
        settle();
        land();
        Old old{.facts = {.generation = generation_,
                          .retirement = retirement_of(state_, ++clock_),
                          .metrics = {},
                          .there = {}},
                .counts = {}};
        for (std::size_t metric = 0; metric < metrics; ++metric)
            for (const Side side : {Side::a, Side::b})
                if (swaps(metric)) {
                    old.facts.there.insert({metric, side});
                    old.counts[{metric, side}] = std::exchange(counts_[{metric, side}], 0);
                }
        old_.push_back(std::move(old));
        ++generation_;
        ++state_.sequence;
        state_.pending = state_.begun = state_.doubled = 0;
        state_.active = 0;
        running_ = Side::a;
    }

    // What a reader has that takes a window once by its number.
    std::uint64_t handed_out(std::size_t metric) const {
        std::uint64_t sum = 0;
        for (const auto& [key, packets] : seen_)
            sum += std::get<2>(key) == metric ? packets : 0;
        return sum;
    }
    std::uint64_t packets() const { return packets_; } // of each metric
    std::size_t windows() const { return windows_; }
    std::size_t replaced() const { return old_.size(); }
    const MonitorState& state() const { return state_; }

    std::uint64_t now_ns() override { return ++clock_; }
    void write(const MonitorState& state) override {
        step([&] { state_ = state; });
    }
    void prepare_swap(Side next) override {
        step([&] { next_ = next; });
    }
    void swap() override {
        step([&] {
            for (std::size_t metric = 0; metric < metrics; ++metric)
                ++late_[{metric, running_}]; // is on its way through the old side
            ++packets_;
            running_ = next_;
        });
    }
    void fence() override {
        step([&] { land(); });
    }

    void show(const ShownWindow& shown) override {
        for (const WindowPart& part : shown.parts) {
            CHECK_MESSAGE((part.quiet || part.side == running_ || !swaps(part.metric)),
                          "programs still write the side that is shown");
            if (part.quiet && takes_) // a mere look waits for nothing
                CHECK(late_[key_of(part)] == 0);
            if (takes_ && counts_[key_of(part)] > 0)
                CHECK(part.from_ns <= first_[key_of(part)]);
        }
        print(shown, generation_, counts_);
        if (takes_)
            empty(shown, counts_);
    }

    std::vector<std::uint32_t> replaced_generations() override {
        std::vector<std::uint32_t> numbers;
        for (const Old& old : old_)
            numbers.push_back(old.facts.generation);
        return numbers;
    }
    std::optional<RetiredFacts> look_at_replaced(std::uint32_t generation) override {
        RetiredFacts facts = at(generation).facts;
        facts.metrics = metric_facts(wanted_);
        return facts;
    }
    void show_replaced(const ShownWindow& shown) override {
        print(shown, shown.window.generation, at(shown.window.generation).counts);
    }
    void remove_maps(const ShownWindow& shown) override {
        Old& old = at(shown.window.generation);
        for (const WindowPart& part : shown.parts)
            step([&] { old.facts.there.erase({part.metric, part.side}); });
    }
    void discard_if_read(std::uint32_t generation) override {
        step([&] {
            std::erase_if(old_, [&](const Old& old) {
                return old.facts.generation == generation && old.facts.there.empty();
            });
        });
    }

private:
    using Map = std::pair<std::size_t, Side>;
    using Counts = std::map<Map, std::uint64_t>;
    struct Old {
        RetiredFacts facts;
        Counts counts;
    };

    static bool swaps(std::size_t metric) { return metric < emptied; }
    static Map key_of(const WindowPart& part) {
        return {part.metric, swaps(part.metric) ? part.side : Side::a};
    }

    static std::vector<MetricFacts> metric_facts(std::uint64_t wanted) {
        std::vector<MetricFacts> facts;
        for (std::size_t metric = 0; metric < metrics; ++metric)
            facts.push_back({.index = metric,
                             .swap = swaps(metric),
                             .consumed = metric != gauge,
                             .wanted = (wanted >> metric & 1) != 0});
        return facts;
    }

    Old& at(std::uint32_t generation) {
        return *std::find_if(old_.begin(), old_.end(),
                             [&](const Old& old) { return old.facts.generation == generation; });
    }

    void arrive() {
        ++packets_;
        ++clock_;
        for (std::size_t metric = 0; metric < metrics; ++metric) {
            const Map map{metric, swaps(metric) ? running_ : Side::a};
            if (counts_[map]++ == 0)
                first_[map] = clock_;
        }
    }
    void land() {
        for (const auto& [map, count] : late_)
            counts_[{map.first, swaps(map.first) ? map.second : Side::a}] += count;
        late_.clear();
    }

    template <typename Body>
    void step(Body&& body) {
        arrive();
        if (steps_left_ != SIZE_MAX && steps_left_-- == 0)
            throw Killed();
        body();
        arrive();
    }

    // Printed whole or not at all: a part that a killed reader has printed comes again.
    void print(const ShownWindow& shown, std::uint32_t generation, Counts& counts) {
        ++windows_;
        CHECK(shown.window.generation == generation);
        CHECK(shown.window.from_ns <= shown.window.to_ns);
        for (const WindowPart& part : shown.parts)
            step([&] {
                std::uint64_t& seen = seen_[{shown.window.sequence, generation, part.metric}];
                if (part.metric == emptied && takes_)
                    seen += std::exchange(counts[key_of(part)], 0);
                else if (takes_)
                    seen = std::max(seen, counts[key_of(part)]);
            });
    }
    void empty(const ShownWindow& shown, Counts& counts) {
        for (const WindowPart& part : shown.parts)
            if (part.quiet)
                step([&] { counts[key_of(part)] = 0; });
    }

    MonitorState state_{.phase = Phase::running};
    std::uint32_t generation_ = 1;
    Side running_ = Side::a, next_ = Side::a;
    Counts counts_, late_, first_; // first_: when the first of a map's packets came
    std::vector<Old> old_;
    std::map<std::tuple<std::uint64_t, std::uint32_t, std::size_t>, std::uint64_t> seen_;
    std::uint64_t packets_ = 0, clock_ = 0, wanted_ = 0;
    std::size_t windows_ = 0, steps_left_ = SIZE_MAX;
    bool takes_ = true;
};

constexpr std::uint64_t all = 0b1111;

// False: it was killed.
bool read_or_die(FakeMonitor& monitor, std::size_t kill_at, std::uint64_t wanted = all) {
    monitor.kill_at(kill_at);
    try {
        monitor.read(wanted);
    } catch (const Killed&) {
        monitor.kill_never();
        return false;
    }
    monitor.kill_never();
    return true;
}

// Packets come at each step of a read, so the last window is that of what came until its swap.
void check_nothing_lost(FakeMonitor& monitor) {
    monitor.read(all);
    const std::uint64_t before = monitor.packets();
    monitor.read(all);
    for (std::size_t metric = 0; metric < FakeMonitor::gauge; ++metric) {
        CAPTURE(metric);
        CHECK(monitor.handed_out(metric) >= before);
        CHECK(monitor.handed_out(metric) <= monitor.packets());
    }
}

} // namespace

TEST_CASE("window steps: a read that is killed at any step, and then another, lose no packet") {
    bool ended = false;
    for (std::size_t first = 0; !ended; ++first)
        for (std::size_t second = 0;; ++second) {
            CAPTURE(first);
            CAPTURE(second);
            FakeMonitor monitor;
            ended = read_or_die(monitor, first);
            const bool ended_too = read_or_die(monitor, second);
            check_nothing_lost(monitor);
            if (ended_too)
                break;
        }
}

TEST_CASE("window steps: the same of a replaced generation, which is gone when it is read") {
    bool ended = false;
    for (std::size_t at = 0; !ended; ++at) {
        CAPTURE(at);
        FakeMonitor monitor;
        read_or_die(monitor, 5); // a window waits that is not handed out yet
        monitor.replace();
        ended = read_or_die(monitor, at);
        monitor.read(all);
        CHECK(monitor.replaced() == 0);
        check_nothing_lost(monitor);
    }
}

TEST_CASE("window steps: reads of some metrics, kills and replaces in any order lose no packet") {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        FakeMonitor monitor;
        for (int step = 0; step < 12; ++step) {
            const std::uint64_t wanted = 1 + random() % all;
            switch (random() % 4) {
            case 0:
                monitor.replace();
                break;
            case 1:
                read_or_die(monitor, random() % 20, wanted);
                break;
            case 2:
                monitor.read(wanted, true, true);
                break;
            default:
                monitor.read(wanted, random() % 3 != 0);
            }
        }
        check_nothing_lost(monitor);
    }
}

TEST_CASE("window steps: a reader of one document gets the oldest window, and hears of the newer") {
    FakeMonitor monitor;
    monitor.read(all);
    monitor.replace();
    const std::size_t before = monitor.windows();
    CHECK_FALSE(monitor.read(all, true, true));
    CHECK(monitor.windows() == before + 1);
    while (!monitor.read(all, true, true))
        continue;
    CHECK(monitor.replaced() == 0);
}

TEST_CASE("window steps: a look changes nothing") {
    FakeMonitor monitor;
    monitor.read(0b0001); // the window of the other metric waits
    monitor.replace();
    const MonitorState before = monitor.state();
    monitor.read(all, false);
    CHECK(monitor.state() == before);
    CHECK(monitor.replaced() == 1);
    check_nothing_lost(monitor);
}

TEST_CASE("window steps: what a reader has seen a part of goes out before its map is used again") {
    FakeMonitor monitor;
    monitor.read(0b0001);
    CHECK(unasked_metrics(monitor.facts(0b0001)) == 0); // no reader has seen that of metric 1
    for (std::size_t at = 0; read_or_die(monitor, at, 0b0011) == false; ++at)
        if ((monitor.state().begun & 0b0010) != 0)
            break;
    CHECK(unasked_metrics(monitor.facts(0b0001)) == 0b0010);
    CHECK(unasked_metrics(monitor.facts(0b0011)) == 0);
    CHECK(unasked_metrics(monitor.facts(0b0001, false)) == 0);
    monitor.read(0b0001);
    CHECK(unasked_metrics(monitor.facts(0b0001)) == 0);
    check_nothing_lost(monitor);
}
