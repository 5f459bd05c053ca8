// SPDX-License-Identifier: BSD-2-Clause
// An array of counters → JSON: through the mapping, in batches, and by hand.
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <sys/mman.h>

#include "bench.skel.h"
#include "format/export_options.hpp"
#include "kernel/map_calls.hpp"
#include "measure.hpp"
#include "source/typed_map.hpp"

namespace bench {

namespace {

using dynmon::Fd;
using dynmon::Sink;
using dynmon::TypedMap;

constexpr std::uint32_t cells = 1'000'000;

// The same counters in a plain array and in one that can be mapped.
class Arrays {
public:
    Arrays() : skeleton_(bench_bpf::open()) {
        if (!skeleton_)
            throw std::runtime_error("open the benchmark's object");
        bpf_map__set_max_entries(skeleton_->maps.BENCH_ARRAY, cells);
        bpf_map__set_max_entries(skeleton_->maps.BENCH_MAPPED, cells);
        if (bench_bpf::load(skeleton_.get()) != 0)
            throw std::runtime_error("load the benchmark's object");
        plain = Fd(::fcntl(bpf_map__fd(skeleton_->maps.BENCH_ARRAY), F_DUPFD_CLOEXEC, 3));
        mapped = Fd(::fcntl(bpf_map__fd(skeleton_->maps.BENCH_MAPPED), F_DUPFD_CLOEXEC, 3));
        std::vector<std::uint32_t> keys(cells);
        std::vector<std::uint64_t> values(cells);
        for (std::uint32_t i = 0; i < cells; ++i) {
            keys[i] = i;
            values[i] = std::uint64_t{i} * 12'345'678'901;
        }
        for (const Fd* map : {&plain, &mapped}) {
            std::uint32_t done = cells;
            if (dynmon::update_batch(*map, keys.data(), values.data(), done) != 0)
                throw std::runtime_error("fill the benchmark's array");
        }
    }

    Fd plain;
    Fd mapped;

private:
    struct Destroy {
        void operator()(bench_bpf* skeleton) const { bench_bpf::destroy(skeleton); }
    };
    std::unique_ptr<bench_bpf, Destroy> skeleton_;
};

class NumberList {
public:
    explicit NumberList(int fd) : fd_(fd) { text_.reserve(flush_at + 64); }

    void add(std::uint64_t value) {
        char digits[24];
        text_ += first_ ? '[' : ',';
        first_ = false;
        text_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
        if (text_.size() >= flush_at)
            flush();
    }
    void finish() {
        text_ += "]\n";
        flush();
    }

private:
    static constexpr std::size_t flush_at = 1u << 16;
    void flush() {
        if (::write(fd_, text_.data(), text_.size()) != static_cast<ssize_t>(text_.size()))
            throw std::runtime_error("write fails");
        text_.clear();
    }
    int fd_;
    bool first_ = true;
    std::string text_;
};

void print_batches(const Fd& map, int fd) {
    constexpr std::uint32_t batch = 1024;
    std::vector<std::uint32_t> keys(batch);
    std::vector<std::uint64_t> values(batch);
    std::uint32_t in = 0;
    std::uint32_t out = 0;
    NumberList list(fd);
    for (bool started = false;; started = true) {
        std::uint32_t got = batch;
        const int result = dynmon::lookup_batch(map, started ? &in : nullptr, &out, keys.data(),
                                                values.data(), got);
        if (result != 0 && result != -ENOENT)
            throw std::runtime_error("batch look-up fails");
        for (std::uint32_t i = 0; i < got; ++i)
            list.add(values[i]);
        if (result == -ENOENT)
            return list.finish();
        in = out;
    }
}

void print_mapping(const Fd& map, int fd) {
    constexpr std::size_t size = std::size_t{cells} * sizeof(std::uint64_t);
    void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, map.get(), 0);
    if (memory == MAP_FAILED)
        throw std::runtime_error(std::string("mmap: ") + std::strerror(errno));
    const auto* values = static_cast<const std::uint64_t*>(memory);
    NumberList list(fd);
    for (std::uint32_t i = 0; i < cells; ++i)
        list.add(values[i]);
    list.finish();
    ::munmap(memory, size);
}

void print(const TypedMap& map, Sink& sink) {
    dynmon::ExportOptions options;
    options.value_only = true;
    map.print(options, dynmon::Take::look, sink);
}

} // namespace

void measure_arrays(const Setup& setup, Results& results) {
    constexpr double most_of_floor = 1.1;
    const Arrays arrays;
    const TypedMap plain = TypedMap::by_id(dynmon::map_facts(arrays.plain).id);
    const TypedMap mapped = TypedMap::by_id(dynmon::map_facts(arrays.mapped).id);
    const Fd ours(::memfd_create("ours", MFD_CLOEXEC));
    const Fd by_hand(::memfd_create("floor", MFD_CLOEXEC));
    Sink copy(ours.get());
    print(mapped, copy);
    print_batches(arrays.plain, by_hand.get());
    if (contents(ours) != contents(by_hand))
        throw std::runtime_error("the exporter and the floor do not print the same");

    const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    Sink sink(nowhere.get());
    std::vector<Contender> contenders;
    const auto add = [&](const char* name, const char* relative_to, auto body) -> Figure& {
        Figure& figure =
            results.figure("array of 1,000,000 counters to JSON", name, "ms", relative_to);
        contenders.push_back({figure, setup.rounds, [body] { return cpu_ns_of(body) / 1e6; }});
        return figure;
    };
    const char* batches = "by hand: batches and std::to_chars";
    const char* memory = "by hand: mmap and std::to_chars";
    add(batches, "", [&] { print_batches(arrays.plain, nowhere.get()); });
    add("libdynmon, a plain array", batches, [&] { print(plain, sink); }).most_ratio =
        most_of_floor;
    add(memory, batches, [&] { print_mapping(arrays.mapped, nowhere.get()); });
    add("libdynmon, a BPF_F_MMAPABLE array", memory, [&] { print(mapped, sink); }).most_ratio =
        most_of_floor;
    take_turns(contenders);
}

} // namespace bench
