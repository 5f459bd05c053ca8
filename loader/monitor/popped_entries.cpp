#include "monitor/popped_entries.hpp"

#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

void PoppedEntries::keep(const Fd& map, const Batch& batch) {
    if (queues_.empty() || queues_.back().map != &map)
        queues_.push_back({&map, batch.value_stride, {}});
    queues_.back().values.insert(queues_.back().values.end(), batch.values,
                                 batch.values + batch.count * batch.value_stride);
}

void PoppedEntries::put_back() {
    for (const Queue& queue : queues_) {
        const bool stack = map_facts(*queue.map).type == BPF_MAP_TYPE_STACK;
        const std::size_t count = queue.values.size() / queue.size;
        std::size_t lost = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = (stack ? count - 1 - i : i) * queue.size;
            try {
                update_element(*queue.map, nullptr, queue.values.data() + at);
            } catch (const Error&) { // full again
                ++lost;
            }
        }
        if (lost > 0)
            log::warn(std::to_string(lost) + " of " + std::to_string(count) +
                      " entries of a queue were neither written out nor put back: it is full");
    }
    forget();
}

} // namespace dynmon
