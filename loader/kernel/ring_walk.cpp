// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/ring_walk.hpp"

#include <atomic>

#include <linux/bpf.h>

#include "base/error.hpp"

namespace dynmon {

namespace {

// Positions may go round: only their difference says which is further.
bool is_beyond(unsigned long position, unsigned long other) {
    return static_cast<long>(position - other) > 0;
}

unsigned long position_at(const unsigned long* place) {
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

std::uint64_t bytes_of_record(std::uint32_t size) {
    return (std::uint64_t{size} + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
}

// The record that is being handed on leaves the ring, whatever becomes of it.
class TakenOut {
public:
    TakenOut(unsigned long* reader, unsigned long position)
        : reader_(reader), position_(position) {}
    ~TakenOut() { __atomic_store_n(reader_, position_, __ATOMIC_RELEASE); }
    TakenOut(const TakenOut&) = delete;
    TakenOut& operator=(const TakenOut&) = delete;

private:
    unsigned long* reader_;
    unsigned long position_;
};

} // namespace

void RingWalk::skip_overwritten() {
    if (ring_.overwritten == nullptr)
        return;
    const unsigned long oldest = position_at(ring_.overwritten);
    if (!is_beyond(oldest, position_))
        return;
    skipped_ += oldest - position_;
    position_ = oldest;
    __atomic_store_n(ring_.reader, position_, __ATOMIC_RELEASE); // so that it is counted once
}

bool RingWalk::was_overwritten() const {
    if (ring_.overwritten == nullptr)
        return false;
    std::atomic_thread_fence(std::memory_order_acquire); // what was read before was read before
    return is_beyond(position_at(ring_.overwritten), position_);
}

void RingWalk::note_size(std::uint64_t bytes) {
    mixed_ = mixed_ || (record_bytes_ != 0 && record_bytes_ != bytes);
    record_bytes_ = bytes;
}

// The first record alone does not tell: those behind it that are whole have to be as long.
void RingWalk::look_ahead(unsigned long end) {
    bool differ = false;
    for (unsigned long at = position_; !differ && is_beyond(end, at);) {
        const auto* const record =
            reinterpret_cast<const std::uint32_t*>(ring_.data + (at & (ring_.size - 1)));
        const std::uint32_t header = __atomic_load_n(record, __ATOMIC_ACQUIRE);
        if ((header & BPF_RINGBUF_BUSY_BIT) != 0)
            break;
        const std::uint64_t bytes = bytes_of_record(header & ~BPF_RINGBUF_DISCARD_BIT);
        differ = bytes != record_bytes_;
        at += bytes;
    }
    mixed_ = mixed_ || (differ && !was_overwritten()); // those that were read were records still
}

void RingWalk::report(unsigned long end, const OnLoss& on_loss) {
    if (skipped_ == 0)
        return;
    look_ahead(end);
    RingLoss loss{.bytes = skipped_, .records = std::nullopt};
    if (!mixed_ && skipped_ % record_bytes_ == 0)
        loss.records = skipped_ / record_bytes_;
    skipped_ = 0;
    on_loss(loss);
}

void RingWalk::walk(const OnRecord& on_record, const OnLoss& on_loss) {
    position_ = position_at(ring_.reader);
    for (bool go_on = true; go_on;) {
        // In this order: the kernel moves the oldest record on before there is a new one.
        const unsigned long end = position_at(ring_.writer);
        skip_overwritten();
        if (!is_beyond(end, position_))
            return;
        const std::byte* const record = ring_.data + (position_ & (ring_.size - 1));
        const std::uint32_t header =
            __atomic_load_n(reinterpret_cast<const std::uint32_t*>(record), __ATOMIC_ACQUIRE);
        const std::uint32_t size = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        const std::uint64_t bytes = bytes_of_record(size);
        if ((header & BPF_RINGBUF_BUSY_BIT) != 0 || bytes > end - position_ || bytes > ring_.size) {
            if (was_overwritten())
                continue; // that was no header any more
            if ((header & BPF_RINGBUF_BUSY_BIT) != 0)
                return; // it is being written
            throw Error(ErrorKind::failed, "read the ring buffer: no record begins at position " +
                                               std::to_string(position_))
                .hint("let one process alone read it: another one has moved the reader's position");
        }
        const std::byte* data = record + BPF_RINGBUF_HDR_SZ;
        if (ring_.overwritten != nullptr) {
            copy_.assign(data, data + size);
            if (was_overwritten())
                continue;
            data = copy_.data();
        }
        note_size(bytes);
        position_ += bytes;
        const TakenOut taken(ring_.reader, position_);
        report(end, on_loss);
        if ((header & BPF_RINGBUF_DISCARD_BIT) == 0)
            go_on = on_record(data, size);
    }
}

} // namespace dynmon
