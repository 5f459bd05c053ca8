// Events as programs send them: ring buffers and perf event arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/fd.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

struct Event {
    const std::byte* data = nullptr; // valid during the call only
    std::size_t size = 0;            // a perf event may have padding at its end
    int cpu = -1;                    // of a perf event
};

class EventSource {
public:
    // Return false to stop: what comes after is left, or of a perf event array dropped.
    using OnEvent = std::function<bool(const Event&)>;
    using OnLost = std::function<bool(int cpu, std::uint64_t count)>; // perf event arrays only

    // From here on events come to this process, and to nobody else that read them. Throws
    // Error{failed}; `facts` is of one of the two types.
    static std::unique_ptr<EventSource> open(const Fd& map, const MapFacts& facts, OnEvent on_event,
                                             OnLost on_lost);
    virtual ~EventSource() = default;

    // Waits at most that long for events and hands them on. Returns early on a signal.
    virtual void wait(int milliseconds) = 0;
};

} // namespace dynmon
