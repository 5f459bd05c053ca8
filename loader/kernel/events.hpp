// SPDX-License-Identifier: BSD-2-Clause
// Events as programs send them: ring buffers and perf event arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/fd.hpp"
#include "kernel/bpf.hpp"
#include "kernel/ring_walk.hpp"

namespace dynmon {

struct Event {
    const std::byte* data = nullptr; // valid during the call only
    std::size_t size = 0;            // a perf event may have padding at its end
    int cpu = -1;                    // of a perf event
};

// What is called for what comes.
struct EventHandlers {
    // Return false to stop: what comes after is left, or of a perf event array dropped.
    std::function<bool(const Event&)> event;
    // Perf event arrays: found no room. Return false to stop.
    std::function<bool(int cpu, std::uint64_t count)> lost;
    // Ring buffers that overwrite: newer events took their place before this process came to them.
    std::function<void(const RingLoss&)> overwritten;
};

class EventSource {
public:
    // From here on events come to this process, and to nobody else that read them. Throws
    // Error{failed}, and Error{unsupported} with the names of the flags for a map that was made
    // with flags that dynmon has not been written for; `facts` is of one of the two types.
    static std::unique_ptr<EventSource> open(const Fd& map, const MapFacts& facts,
                                             EventHandlers handlers);
    virtual ~EventSource() = default;

    // Waits at most that long for events and hands them on. Returns early on a signal.
    virtual void wait(int milliseconds) = 0;
};

} // namespace dynmon
