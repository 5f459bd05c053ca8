// SPDX-License-Identifier: BSD-2-Clause
// What a read has drained from queues and stacks and not handed out yet: there is no looking at
// them without taking, so what could not be written is put back.
#pragma once

#include <cstddef>
#include <vector>

#include "base/file.hpp"
#include "format/exporter.hpp"

namespace dynmon {

class DrainedEntries {
public:
    // `map` must live until the end of the content. `in_room`: the batches of this map stand
    // one behind the other in a DrainBuffer, which lives as long; otherwise they are copied.
    void keep(const Fd& map, const Batch& batch, bool in_room);
    // In an order in which they are drained as before, behind what came meanwhile. What is back in
    // its queue is zeroed in its room. Warns of those for which the queue has no place any more.
    void put_back();
    void forget() { queues_.clear(); }

private:
    struct Queue {
        const Fd* map;
        std::size_t size; // of a value
        std::byte* room;  // or null
        std::size_t count;
        std::vector<std::byte> copies; // without room
    };
    std::vector<Queue> queues_;
};

} // namespace dynmon
