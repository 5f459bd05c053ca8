// SPDX-License-Identifier: BSD-2-Clause
#include "control/drained_entries.hpp"

#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

void DrainedEntries::keep(const Fd& map, const Batch& batch, bool in_room) {
    if (queues_.empty() || queues_.back().map != &map)
        queues_.push_back({&map,
                           batch.value_stride,
                           in_room ? const_cast<std::byte*>(batch.values) : nullptr,
                           0,
                           {}});
    Queue& queue = queues_.back();
    queue.count += batch.count;
    if (!in_room)
        queue.copies.insert(queue.copies.end(), batch.values,
                            batch.values + batch.count * batch.value_stride);
}

void DrainedEntries::put_back() {
    for (Queue& queue : queues_) {
        const bool stack = map_facts(*queue.map).type == BPF_MAP_TYPE_STACK;
        std::byte* const values = queue.room != nullptr ? queue.room : queue.copies.data();
        std::size_t lost = 0;
        for (std::size_t i = 0; i < queue.count; ++i) {
            std::byte* const value = values + (stack ? queue.count - 1 - i : i) * queue.size;
            try {
                update_element(*queue.map, nullptr, value);
                std::memset(value, 0, queue.size);
            } catch (const Error&) { // full again
                ++lost;
            }
        }
        if (lost > 0 && queue.room == nullptr)
            log::warn(std::to_string(lost) + " of " + std::to_string(queue.count) +
                      " entries of a queue were neither written out nor put back: it is full");
    }
    forget();
}

} // namespace dynmon
