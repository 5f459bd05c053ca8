// SPDX-License-Identifier: BSD-2-Clause
#include "full_map.hpp"

#include <random>
#include <stdexcept>
#include <vector>

#include <fcntl.h>

#include <bpf/libbpf.h>

#include "bench.skel.h"
#include "entry.h"
#include "kernel/map_calls.hpp"
#include "source/map_reader.hpp"

namespace bench {

void FullMap::SkeletonDestroy::operator()(bench_bpf* skeleton) const {
    bench_bpf::destroy(skeleton);
}

FullMap::FullMap(bool per_cpu, std::uint32_t count, std::uint32_t capacity)
    : count_(count), skeleton_(bench_bpf::open()) {
    if (!skeleton_)
        throw std::runtime_error("open the benchmark's object");
    bpf_map* map = per_cpu ? skeleton_->maps.BENCH_PERCPU : skeleton_->maps.BENCH_HASH;
    bpf_map__set_max_entries(map, capacity);
    if (bench_bpf::load(skeleton_.get()) != 0)
        throw std::runtime_error("load the benchmark's object");
    fd_ = dynmon::Fd(::fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3));
    const dynmon::MapFacts facts = dynmon::map_facts(fd_);
    id_ = facts.id;
    if (per_cpu)
        shape_.cpus = dynmon::possible_cpus();
    shape_.value_stride = dynmon::value_bytes(facts);
    fill();
}

FullMap::~FullMap() = default;

void FullMap::fill() {
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

} // namespace bench
