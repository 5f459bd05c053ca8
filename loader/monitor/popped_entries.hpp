// What a read has popped from queues and stacks and not handed out yet: there is no looking at them
// without taking, so what could not be written is put back.
#pragma once

#include <cstddef>
#include <vector>

#include "base/fd.hpp"
#include "export/exporter.hpp"

namespace dynmon {

class PoppedEntries {
public:
    // `map` must live until the end of the delivery.
    void keep(const Fd& map, const Batch& batch);
    // In an order in which they are popped as before, behind what came meanwhile. Warns of those
    // for which there is no room any more.
    void put_back();
    void forget() { queues_.clear(); }

private:
    struct Queue {
        const Fd* map;
        std::size_t size; // of a value
        std::vector<std::byte> values;
    };
    std::vector<Queue> queues_;
};

} // namespace dynmon
