// SPDX-License-Identifier: BSD-2-Clause
// Map → text: ns an entry, from the bare reading to whole processes.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>

#include "floor.hpp"
#include "format/export_options.hpp"
#include "format/exporter.hpp"
#include "full_map.hpp"
#include "measure.hpp"
#include "source/typed_map.hpp"

namespace bench {

namespace {

using dynmon::ExportOptions;
using dynmon::Fd;
using dynmon::Format;
using dynmon::Sink;
using dynmon::TypedMap;

constexpr const char* floor_name = "by hand: batches and std::to_chars";
constexpr const char* typed_floor_name = "by hand, typed fields";
constexpr const char* rival_name = "bpftool -j map dump, process";
constexpr double most_of_floor = 1.1;
constexpr double least_of_rival = 1.0 / 15;

// What a whole read costs a program that links libdynmon, from the open map on.
void print(const TypedMap& map, bool raw, Sink& sink, Format format = Format::json) {
    ExportOptions options;
    options.format = format;
    options.raw = raw;
    options.value_only = format == Format::json;
    map.print(options, dynmon::Take::look, sink);
}

std::string printed(const TypedMap& map, bool raw, Format format = Format::json) {
    const Fd file(::memfd_create("ours", MFD_CLOEXEC));
    Sink sink(file.get());
    print(map, raw, sink, format);
    return contents(file);
}

// A comparison needs the same output.
void require_same_output(const FullMap& full, const TypedMap& map) {
    for (const bool typed : {false, true}) {
        const Fd by_hand(::memfd_create("floor", MFD_CLOEXEC));
        print_by_hand(full.fd(), full.shape(), typed, by_hand.get());
        if (printed(map, !typed) != contents(by_hand))
            throw std::runtime_error("the exporter and the floor do not print the same");
    }
    if (read_batches(full.fd(), full.shape()) != full.count())
        throw std::runtime_error("the map does not hold what was put in");
}

// The contenders of one map, which are measured in turns.
class Race {
public:
    Race(const Setup& setup, Results& results, std::string section, std::uint32_t entries)
        : setup_(setup), results_(results), section_(std::move(section)), entries_(entries) {}

    // CPU time of this thread; often enough that a small map takes as long as a large one.
    Figure& cpu(const std::string& name, const std::string& relative_to,
                std::function<void()> body) {
        return add(name, relative_to, std::move(body),
                   [](const auto& repeat) { return cpu_ns_of(repeat); });
    }
    // Time by the clock: for what uses more than one CPU.
    Figure& clock(const std::string& name, const std::string& relative_to,
                  std::function<void()> body) {
        return add(name, relative_to, std::move(body),
                   [](const auto& repeat) { return ns_of(repeat); });
    }
    Figure& process(const std::string& name, const std::string& relative_to,
                    std::vector<std::string> words) {
        Figure& figure = results_.figure(section_, name, "ns/entry", relative_to);
        const std::size_t rounds = std::min<std::size_t>(setup_.rounds, entries_ > 10'000 ? 3 : 11);
        contenders_.push_back({figure, rounds, [this, words = std::move(words)] {
                                   return ns_of_process(words) / entries_;
                               }});
        return figure;
    }
    void run() { take_turns(contenders_); }

private:
    template <typename Timer>
    Figure& add(const std::string& name, const std::string& relative_to, std::function<void()> body,
                Timer timer) {
        constexpr std::uint32_t least_entries = 100'000;
        const std::uint32_t times = std::max(1u, least_entries / entries_);
        Figure& figure = results_.figure(section_, name, "ns/entry", relative_to);
        contenders_.push_back({figure, setup_.rounds, [this, times, timer, body = std::move(body)] {
                                   const double ns = timer([&] {
                                       for (std::uint32_t i = 0; i < times; ++i)
                                           body();
                                   });
                                   return ns / times / entries_;
                               }});
        return figure;
    }

    const Setup& setup_;
    Results& results_;
    std::string section_;
    std::uint32_t entries_;
    std::vector<Contender> contenders_;
};

void measure_map(const Setup& setup, Results& results, bool per_cpu, std::uint32_t count) {
    const FullMap full(per_cpu, count, count);
    TypedMap listed = TypedMap::by_id(full.id()); // values of all CPUs one by one, as the floor
    TypedMap merged = TypedMap::by_id(full.id());
    listed.set_merge(dynmon::Merge::none);
    merged.set_merge(dynmon::Merge::sum);
    require_same_output(full, listed);
    const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Sink sink(nowhere.get());

    Race race(setup, results,
              std::string("map to JSON, ") + (per_cpu ? "per-CPU hash, " : "hash, ") +
                  std::to_string(count) + " entries",
              count);
    race.cpu("batches, not printed", {}, [&] { read_batches(full.fd(), full.shape()); });
    race.cpu(floor_name, {}, [&] { print_by_hand(full.fd(), full.shape(), false, nowhere.get()); });
    race.cpu("libdynmon --raw, the same output", floor_name, [&] { print(listed, true, sink); })
        .most_ratio = most_of_floor;
    race.cpu(typed_floor_name, {},
             [&] { print_by_hand(full.fd(), full.shape(), true, nowhere.get()); });
    race.cpu("libdynmon, typed fields, the same output", typed_floor_name,
             [&] { print(listed, false, sink); })
        .most_ratio = most_of_floor;
    if (per_cpu)
        race.cpu("libdynmon, typed fields, CPUs added up", typed_floor_name,
                 [&] { print(merged, false, sink); });
    const std::string id = std::to_string(full.id());
    Figure& ours = race.process("dynmon-load dump, process", rival_name,
                                {setup.dynmon_load, "dump", "id", id, "--format", "json"});
    if (count == 100'000)
        ours.most_ratio = least_of_rival;
    race.process(rival_name, {}, {setup.bpftool, "-j", "map", "dump", "id", id});
    race.run();
}

// By the clock, because a second CPU takes part.
void measure_jobs(const Setup& setup, Results& results, std::uint32_t count) {
    const FullMap full(false, count, count);
    TypedMap one = TypedMap::by_id(full.id());
    TypedMap two = TypedMap::by_id(full.id());
    two.set_jobs(2);
    const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Sink sink(nowhere.get());
    Race race(setup, results,
              "map to JSON by the clock, hash, " + std::to_string(count) + " entries", count);
    race.clock(floor_name, {},
               [&] { print_by_hand(full.fd(), full.shape(), false, nowhere.get()); });
    race.clock("libdynmon --raw", floor_name, [&] { print(one, true, sink); });
    race.clock("libdynmon --raw --read-ahead 2", floor_name, [&] { print(two, true, sink); });
    race.run();
}

// Few entries in a map with room for many: the walk over empty buckets is the kernel's.
void measure_sparse(const Setup& setup, Results& results) {
    constexpr std::uint32_t count = 1'000;
    constexpr std::uint32_t capacity = 1'000'000;
    const FullMap full(false, count, capacity);
    const TypedMap map = TypedMap::by_id(full.id());
    const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Sink sink(nowhere.get());
    Race race(setup, results, "1,000 entries in a hash of 1,000,000", count);
    race.cpu("batches, not printed", {}, [&] { read_batches(full.fd(), full.shape()); });
    race.cpu("libdynmon, typed fields", "batches, not printed", [&] { print(map, false, sink); })
        .most_ratio = 1.5;
    race.run();
}

void measure_memory(const Setup& setup, Results& results, std::uint32_t count) {
    const FullMap full(false, count, count);
    const std::string section = "memory, hash, " + std::to_string(count) + " entries to a pipe";
    const std::string id = std::to_string(full.id());
    const std::vector<std::pair<std::string, std::vector<std::string>>> ways{
        {"json", {"--format", "json"}},
        {"csv", {"--format", "csv"}},
        {"json --read-ahead 2", {"--format", "json", "--read-ahead", "2"}}};
    for (const auto& [name, options] : ways) {
        std::vector<std::string> words{setup.dynmon_load, "dump", "id", id};
        words.insert(words.end(), options.begin(), options.end());
        constexpr double most_megabytes = 32;
        results.figure(section, "dynmon-load dump --format " + name, "MB", {}, most_megabytes)
            .samples.push_back(megabytes_of_process(words));
    }
}

} // namespace

void measure_export(const Setup& setup, Results& results) {
    std::vector<std::uint32_t> counts{1'000, 100'000};
    if (setup.million)
        counts.push_back(1'000'000);
    for (const bool per_cpu : {false, true})
        for (const std::uint32_t count : counts)
            measure_map(setup, results, per_cpu, count);
    measure_jobs(setup, results, counts.back());
    measure_sparse(setup, results);
    measure_memory(setup, results, counts.back());
}

} // namespace bench
