// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/events.hpp"

#include <atomic>
#include <cerrno>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

#include "base/error.hpp"
#include "kernel/map_calls.hpp"
#include "kernel/rights.hpp"

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

namespace {

constexpr std::size_t perf_pages = 64; // per CPU

// The pages of a ring buffer as the kernel shows them: the reader's position, which may be written;
// the positions of its writers; the records, each page of them twice, so that none is broken.
class RingPages {
public:
    RingPages(const Fd& map, const MapFacts& facts) : size_(facts.max_entries) {
        reader_ = map_pages(map, page_, PROT_READ | PROT_WRITE, 0);
        rest_ = map_pages(map, page_ + 2 * size_, PROT_READ, page_);
        if (reader_ == MAP_FAILED || rest_ == MAP_FAILED) {
            const int fault = errno;
            unmap();
            throw Error(ErrorKind::failed, "map the ring buffer", fault);
        }
    }
    ~RingPages() { unmap(); }
    RingPages(const RingPages&) = delete;
    RingPages& operator=(const RingPages&) = delete;

    // `overwritten_at`: bytes from the writer's position to that of the oldest record; 0: the ring
    // does not overwrite.
    RingMemory memory(std::size_t overwritten_at) const {
        auto* const rest = static_cast<const std::byte*>(rest_);
        RingMemory memory{.reader = static_cast<unsigned long*>(reader_),
                          .writer = reinterpret_cast<const unsigned long*>(rest),
                          .data = rest + page_,
                          .size = size_};
        if (overwritten_at != 0)
            memory.overwritten = reinterpret_cast<const unsigned long*>(rest + overwritten_at);
        return memory;
    }

private:
    static void* map_pages(const Fd& map, std::size_t size, int access, std::size_t from) {
        return mmap(nullptr, size, access, MAP_SHARED, map.get(), static_cast<off_t>(from));
    }
    void unmap() {
        if (reader_ != MAP_FAILED)
            munmap(reader_, page_);
        if (rest_ != MAP_FAILED)
            munmap(rest_, page_ + 2 * size_);
    }

    std::size_t page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    std::size_t size_;
    void* reader_ = MAP_FAILED;
    void* rest_ = MAP_FAILED;
};

// How far behind the writer's position that of the oldest record stands: as the kernel's own types
// say. Nothing: the kernel gives no types, or does not have it there.
std::optional<std::size_t> place_in_kernel() {
    const std::unique_ptr<btf, void (*)(btf*)> types(btf__load_vmlinux_btf(), btf__free);
    const int id = types ? btf__find_by_name_kind(types.get(), "bpf_ringbuf", BTF_KIND_STRUCT) : -1;
    if (id < 0)
        return std::nullopt;
    const btf_type* const ring = btf__type_by_id(types.get(), static_cast<__u32>(id));
    std::optional<std::uint32_t> writer;
    std::optional<std::uint32_t> oldest;
    for (int i = 0; i < btf_vlen(ring); ++i) {
        const btf_member& member = btf_members(ring)[i];
        const std::string_view name = btf__name_by_offset(types.get(), member.name_off);
        if (name == "producer_pos")
            writer = btf_member_bit_offset(ring, static_cast<__u32>(i)) / 8;
        else if (name == "overwrite_pos")
            oldest = btf_member_bit_offset(ring, static_cast<__u32>(i)) / 8;
    }
    if (!writer || !oldest || *oldest <= *writer)
        return std::nullopt;
    return *oldest - *writer;
}

std::size_t place_of_oldest(const MapFacts& facts) {
    if ((facts.flags & ring_overwrites) == 0)
        return 0;
    constexpr std::size_t since_it_came = 2 * sizeof(unsigned long); // Linux 6.19 to 7.3
    const std::size_t place = place_in_kernel().value_or(since_it_came);
    if (place % sizeof(unsigned long) != 0 ||
        place >= static_cast<std::size_t>(sysconf(_SC_PAGESIZE)))
        throw Error(ErrorKind::unsupported, "map '" + facts.name +
                                                "' overwrites its oldest events, and this kernel "
                                                "does not show which these are")
            .hint("make the map without BPF_F_RB_OVERWRITE");
    return place;
}

class RingSource : public EventSource {
public:
    RingSource(const Fd& map, const MapFacts& facts, EventHandlers handlers)
        : map_(map), handlers_(std::move(handlers)), pages_(map, facts),
          walk_(pages_.memory(place_of_oldest(facts))) {}

    void wait(int milliseconds) override {
        pollfd waiting{.fd = map_.get(), .events = POLLIN, .revents = 0};
        if (poll(&waiting, 1, milliseconds) < 0 && errno != EINTR)
            throw Error(ErrorKind::failed, "wait for events", errno);
        walk_.walk([&](const std::byte* data,
                       std::size_t size) { return handlers_.event({.data = data, .size = size}); },
                   handlers_.overwritten);
    }

private:
    const Fd& map_;
    EventHandlers handlers_;
    RingPages pages_;
    RingWalk walk_;
};

// What lies behind a perf_event_header in the buffer.
struct Sample {
    perf_event_header header;
    std::uint32_t size;
    std::byte data[];
};
struct Lost {
    perf_event_header header;
    std::uint64_t id;
    std::uint64_t count;
};

class PerfSource : public EventSource {
public:
    PerfSource(const Fd& map, EventHandlers handlers) : handlers_(std::move(handlers)) {
        perf_event_attr attributes{};
        attributes.size = sizeof attributes;
        attributes.type = PERF_TYPE_SOFTWARE;
        attributes.config = PERF_COUNT_SW_BPF_OUTPUT;
        attributes.sample_type = PERF_SAMPLE_RAW;
        attributes.sample_period = 1;
        attributes.wakeup_events = 1;
        buffer_ = perf_buffer__new_raw(map.get(), perf_pages, &attributes, take, this, nullptr);
        if (buffer_ == nullptr)
            throw Error(ErrorKind::failed, "open the perf buffers", errno)
                .hint(rights_hint({Right::perfmon}));
    }
    ~PerfSource() override { perf_buffer__free(buffer_); }

    void wait(int milliseconds) override {
        const int result = perf_buffer__poll(buffer_, milliseconds);
        if (failure_)
            std::rethrow_exception(std::exchange(failure_, nullptr));
        if (result < 0 && result != -EINTR && result != -ECANCELED)
            throw Error(ErrorKind::failed, "wait for events", -result);
    }

private:
    // Called back through C: what is thrown is kept and thrown on behind libbpf.
    static bpf_perf_event_ret take(void* self, int cpu, perf_event_header* header) {
        auto& source = *static_cast<PerfSource*>(self);
        bool go_on = false;
        try {
            go_on = !source.failure_ && source.hand_on(cpu, header);
        } catch (...) {
            source.failure_ = std::current_exception();
        }
        return go_on ? LIBBPF_PERF_EVENT_CONT : LIBBPF_PERF_EVENT_DONE;
    }
    bool hand_on(int cpu, const perf_event_header* header) {
        if (header->type == PERF_RECORD_LOST)
            return handlers_.lost(cpu, reinterpret_cast<const Lost*>(header)->count);
        if (header->type != PERF_RECORD_SAMPLE)
            return true;
        const auto* sample = reinterpret_cast<const Sample*>(header);
        return handlers_.event({.data = sample->data, .size = sample->size, .cpu = cpu});
    }

    EventHandlers handlers_;
    perf_buffer* buffer_ = nullptr;
    std::exception_ptr failure_;
};

} // namespace

std::unique_ptr<EventSource> EventSource::open(const Fd& map, const MapFacts& facts,
                                               EventHandlers handlers) {
    if (const std::uint32_t strange = strange_flags(facts))
        throw Error(ErrorKind::unsupported, "map '" + facts.name + "' was made with " +
                                                flag_names(strange) +
                                                ", and this version of dynmon does not know how "
                                                "its events lie in memory")
            .hint("take a version of dynmon that is as new as the kernel");
    if (facts.type == BPF_MAP_TYPE_RINGBUF)
        return std::make_unique<RingSource>(map, facts, std::move(handlers));
    return std::make_unique<PerfSource>(map, std::move(handlers));
}

} // namespace dynmon
