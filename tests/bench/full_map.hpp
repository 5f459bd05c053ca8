// SPDX-License-Identifier: BSD-2-Clause
// A map filled with random entries, twice as we see it: as the loader opens any map, and by hand.
#pragma once

#include <cstdint>
#include <memory>

#include "base/file.hpp"
#include "floor.hpp"

struct bench_bpf;

namespace bench {

class FullMap {
public:
    // `count` entries in a hash that has room for `capacity`.
    FullMap(bool per_cpu, std::uint32_t count, std::uint32_t capacity);
    ~FullMap();

    std::uint32_t count() const { return count_; }
    std::uint32_t id() const { return id_; }
    const dynmon::Fd& fd() const { return fd_; }
    const EntryShape& shape() const { return shape_; }

private:
    void fill();

    struct SkeletonDestroy {
        void operator()(bench_bpf* skeleton) const;
    };
    std::uint32_t count_;
    std::unique_ptr<bench_bpf, SkeletonDestroy> skeleton_;
    dynmon::Fd fd_;
    std::uint32_t id_ = 0;
    EntryShape shape_;
};

} // namespace bench
