// Map → JSON: ns an entry, from the bare reading to whole processes.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <sys/mman.h>

#include "bench.skel.h"
#include "entry.h"
#include "export/exporter.hpp"
#include "floor.hpp"
#include "kernel/map_batch.hpp"
#include "measure.hpp"
#include "read/typed_map.hpp"

namespace bench {

namespace {

using dynmon::ExportOptions;
using dynmon::Fd;
using dynmon::Sink;
using dynmon::TypedMap;

struct SkeletonDestroy {
    void operator()(bench_bpf* skeleton) const { bench_bpf::destroy(skeleton); }
};

// A map with `count` entries, twice as we see it: as the loader opens any map, and by hand.
class FullMap {
public:
    FullMap(bool per_cpu, std::uint32_t count) : count_(count), skeleton_(bench_bpf::open()) {
        if (!skeleton_)
            throw std::runtime_error("open the benchmark's object");
        bpf_map* map = per_cpu ? skeleton_->maps.BENCH_PERCPU : skeleton_->maps.BENCH_HASH;
        bpf_map__set_max_entries(map, count);
        if (bench_bpf::load(skeleton_.get()) != 0)
            throw std::runtime_error("load the benchmark's object");
        fd_ = Fd(::fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3));
        id_ = dynmon::map_facts(fd_).id;
        if (per_cpu)
            shape_.cpus = dynmon::possible_cpus();
        shape_.value_stride = dynmon::value_bytes(dynmon::map_facts(fd_));
        fill();
    }

    std::uint32_t count() const { return count_; }
    std::uint32_t id() const { return id_; }
    const Fd& fd() const { return fd_; }
    const EntryShape& shape() const { return shape_; }

private:
    void fill() {
        std::mt19937 random(1); // the same entries every time
        std::vector<bench_key> keys(count_);
        std::vector<std::byte> values(count_ * shape_.value_stride);
        for (std::byte& byte : values)
            byte = static_cast<std::byte>(random());
        for (std::uint32_t i = 0; i < count_; ++i) {
            keys[i] = {};
            keys[i].saddr = static_cast<__be32>(random());
            keys[i].daddr = i; // no two keys are equal
            keys[i].sport = static_cast<__be16>(random());
            keys[i].dport = static_cast<__be16>(random());
            keys[i].proto = random() % 2 == 0 ? 6 : 17;
        }
        std::uint32_t done = count_;
        if (dynmon::update_batch(fd_, keys.data(), values.data(), done) != 0 || done != count_)
            throw std::runtime_error("fill the benchmark's map");
    }

    std::uint32_t count_;
    std::unique_ptr<bench_bpf, SkeletonDestroy> skeleton_;
    Fd fd_;
    std::uint32_t id_ = 0;
    EntryShape shape_;
};

// What a whole read costs a program that links libdynmon, from the open map on.
void print(const TypedMap& map, bool raw, Sink& sink) {
    ExportOptions options;
    options.raw = raw;
    options.value_only = true;
    map.print(options, dynmon::Take::look, sink);
}

std::string contents(const Fd& file) {
    std::string text(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
    if (::pread(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("read back what was printed");
    return text;
}

// Who prints something else is not to be compared with.
void require_same_output(const FullMap& full, const TypedMap& listed) {
    const Fd ours(::memfd_create("ours", MFD_CLOEXEC));
    const Fd by_hand(::memfd_create("floor", MFD_CLOEXEC));
    Sink sink(ours.get());
    print(listed, true, sink);
    print_by_hand(full.fd(), full.shape(), by_hand.get());
    if (contents(ours) != contents(by_hand))
        throw std::runtime_error("the exporter and the floor do not print the same");
    if (read_batches(full.fd(), full.shape()) != full.count())
        throw std::runtime_error("the map does not hold what was put in");
}

// Often enough that a small map takes as long as a large one.
template <typename Body>
double ns_per_entry(const FullMap& full, Body&& body) {
    constexpr std::uint32_t least_entries = 100'000;
    const std::uint32_t times = std::max(1u, least_entries / full.count());
    const double ns = cpu_ns_of([&] {
        for (std::uint32_t i = 0; i < times; ++i)
            body();
    });
    return ns / times / full.count();
}

// One way to get the entries out, and how often it is measured.
struct Contender {
    Figure& figure;
    std::size_t rounds;
    std::function<double()> ns_per_entry;
};

void take_turns(const std::vector<Contender>& contenders) {
    std::size_t rounds = 0;
    for (const Contender& contender : contenders)
        rounds = std::max(rounds, contender.rounds);
    for (std::size_t round = 0; round < rounds; ++round)
        for (const Contender& contender : contenders)
            if (round < contender.rounds)
                contender.figure.samples.push_back(contender.ns_per_entry());
}

void measure_map(const Setup& setup, Results& results, bool per_cpu, std::uint32_t count) {
    const FullMap full(per_cpu, count);
    TypedMap listed = TypedMap::by_id(full.id()); // values of all CPUs one by one, as the floor
    TypedMap merged = TypedMap::by_id(full.id());
    listed.set_merge(dynmon::Merge::none);
    require_same_output(full, listed);
    const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Sink sink(nowhere.get());

    const std::string section = std::string("map to JSON, ") +
                                (per_cpu ? "per-CPU hash, " : "hash, ") + std::to_string(count) +
                                " entries";
    const std::string floor = "by hand: batches and std::to_chars";
    const std::string rival = "bpftool -j map dump, process";
    std::vector<Contender> contenders;
    const auto in_process = [&](const std::string& name, std::optional<double> target, auto body) {
        contenders.push_back(
            {results.figure(section, name, "ns/entry", name == floor ? "" : floor, target),
             setup.rounds, [&full, body] { return ns_per_entry(full, body); }});
    };
    const auto process = [&](const std::string& name, std::vector<std::string> words) {
        contenders.push_back(
            {results.figure(section, name, "ns/entry", name == rival ? "" : rival),
             std::min<std::size_t>(setup.rounds, count > 10'000 ? 3 : 11),
             [count, words = std::move(words)] { return ns_of_process(words) / count; }});
    };
    constexpr double target = 1000;
    const std::string id = std::to_string(full.id());
    in_process("batches, not printed", {}, [&] { read_batches(full.fd(), full.shape()); });
    in_process(floor, {}, [&] { print_by_hand(full.fd(), full.shape(), nowhere.get()); });
    in_process("libdynmon --raw, the same output", target, [&] { print(listed, true, sink); });
    in_process("libdynmon, typed fields", target, [&] { print(listed, false, sink); });
    if (per_cpu)
        in_process("libdynmon, typed fields, CPUs added up", target,
                   [&] { print(merged, false, sink); });
    process("dynmon-load dump, process", {setup.dynmon_load, "dump", "id", id, "--format", "json"});
    process(rival, {setup.bpftool, "-j", "map", "dump", "id", id});
    take_turns(contenders);
}

} // namespace

void measure_export(const Setup& setup, Results& results) {
    std::vector<std::uint32_t> counts{1'000, 100'000};
    if (setup.million)
        counts.push_back(1'000'000);
    for (const bool per_cpu : {false, true})
        for (const std::uint32_t count : counts)
            measure_map(setup, results, per_cpu, count);
}

} // namespace bench
