// SPDX-License-Identifier: BSD-2-Clause
// A bpffs and a veth pair that no other process sees and that are gone with this one.
#pragma once

#include <atomic>
#include <thread>

#include "veth.hpp"

namespace bench {

// Mounts an empty bpffs at /sys/fs/bpf for this process and its children. Before any thread.
void mount_own_bpffs();

// Sends small UDP packets out of "left" of `pair` at a moderate pace, so that programs on "right"
// are at work; until the end of its life.
class Traffic {
public:
    explicit Traffic(const VethPair& pair);
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;
    ~Traffic();

private:
    std::atomic<bool> stop_{false};
    std::thread sender_;
};

} // namespace bench
