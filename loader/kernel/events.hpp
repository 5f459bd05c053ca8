// SPDX-License-Identifier: BSD-2-Clause
// Events as programs send them: ring buffers and perf event arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/file.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

// The records of a BPF ring buffer, walked over its memory: nothing here makes a system call.
//
// A ring that overwrites (BPF_F_RB_OVERWRITE, Linux 6.19) makes room for a new record by giving up
// its oldest ones, whether they were read or not. The kernel then moves on the position of the
// oldest record before it writes. So the reader begins at that position, copies a record, and looks
// at the position again: what it has copied is whole only if the position is not beyond it.

// Where the parts of a ring are. Positions count bytes since the ring was made, and programs move
// all of them but the reader's.
struct RingMemory {
    unsigned long* reader = nullptr;       // how far records have been taken out
    const unsigned long* writer = nullptr; // how far there are records
    const unsigned long* overwritten =
        nullptr;                     // where the oldest one is; null: nothing is given up
    const std::byte* data = nullptr; // `size` bytes, and the same bytes again behind them
    std::size_t size = 0;            // a power of two
};

// Records that were given up before this reader came to them.
struct RingLoss {
    std::uint64_t bytes = 0; // of the ring, with the 8 that stand before each record
    // How many records that were: known when all that this reader has seen are of one size.
    std::optional<std::uint64_t> records;
};

class RingWalk {
public:
    // Return false to stop behind this record. The bytes are valid during the call only.
    using OnRecord = std::function<bool(const std::byte* data, std::size_t size)>;
    using OnLoss = std::function<void(const RingLoss& loss)>;

    explicit RingWalk(const RingMemory& ring) : ring_(ring) {}

    // Takes out one record after the other until there is none that is whole, or on_record says
    // so. A record is taken out also when on_record throws. Throws Error{failed} when there is no
    // record where the reader's position points to: another reader has moved it.
    void walk(const OnRecord& on_record, const OnLoss& on_loss);

private:
    void skip_overwritten();
    bool was_overwritten() const; // what is at position_ now
    void note_size(std::uint64_t bytes);
    void look_ahead(unsigned long end);
    void report(unsigned long end, const OnLoss& on_loss);

    RingMemory ring_;
    unsigned long position_ = 0;
    std::vector<std::byte> copy_;
    std::uint64_t skipped_ = 0;      // bytes that were given up and not reported yet
    std::uint64_t record_bytes_ = 0; // of every record so far; 0: none was seen
    bool mixed_ = false;             // they differ in size
};

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
    // From here on events come to this process, and to no other that read them. Throws
    // Error{failed}, and Error{unsupported} with the names of the flags for a map that was made
    // with flags that dynmon has not been written for; `facts` is of one of the two types.
    static std::unique_ptr<EventSource> open(const Fd& map, const MapFacts& facts,
                                             EventHandlers handlers);
    virtual ~EventSource() = default;

    // Waits at most that long for events and hands them on. Returns early on a signal.
    virtual void wait(int milliseconds) = 0;
};

} // namespace dynmon
