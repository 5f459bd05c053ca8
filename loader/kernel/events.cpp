#include "kernel/events.hpp"

#include <cerrno>
#include <exception>
#include <utility>

#include <bpf/libbpf.h>
#include <linux/perf_event.h>

#include "base/error.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

constexpr std::size_t perf_pages = 64; // per CPU

// Calls back through C: what is thrown is kept and thrown on behind libbpf.
class Guarded : public EventSource {
public:
    void wait(int milliseconds) final {
        const int result = poll(milliseconds);
        if (failure_)
            std::rethrow_exception(std::exchange(failure_, nullptr));
        if (result < 0 && result != -EINTR && result != -ECANCELED)
            throw Error(ErrorKind::failed, "wait for events", -result);
    }

protected:
    virtual int poll(int milliseconds) = 0;

    template <typename Body>
    bool guard(Body&& body) {
        try {
            return !failure_ && body();
        } catch (...) {
            failure_ = std::current_exception();
            return false;
        }
    }

private:
    std::exception_ptr failure_;
};

class RingSource : public Guarded {
public:
    RingSource(const Fd& map, OnEvent on_event)
        : on_event_(std::move(on_event)), ring_(ring_buffer__new(map.get(), take, this, nullptr)) {
        if (ring_ == nullptr)
            throw Error(ErrorKind::failed, "map the ring buffer", errno);
    }
    ~RingSource() override { ring_buffer__free(ring_); }

private:
    static int take(void* self, void* data, std::size_t size) {
        auto& source = *static_cast<RingSource*>(self);
        const Event event{.data = static_cast<const std::byte*>(data), .size = size};
        return source.guard([&] { return source.on_event_(event); }) ? 0 : -ECANCELED;
    }
    int poll(int milliseconds) override { return ring_buffer__poll(ring_, milliseconds); }

    OnEvent on_event_;
    ring_buffer* ring_;
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

class PerfSource : public Guarded {
public:
    PerfSource(const Fd& map, OnEvent on_event, OnLost on_lost)
        : on_event_(std::move(on_event)), on_lost_(std::move(on_lost)) {
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

private:
    static bpf_perf_event_ret take(void* self, int cpu, perf_event_header* header) {
        auto& source = *static_cast<PerfSource*>(self);
        const bool go_on = source.guard([&] { return source.hand_on(cpu, header); });
        return go_on ? LIBBPF_PERF_EVENT_CONT : LIBBPF_PERF_EVENT_DONE;
    }
    bool hand_on(int cpu, const perf_event_header* header) {
        if (header->type == PERF_RECORD_LOST)
            return on_lost_(cpu, reinterpret_cast<const Lost*>(header)->count);
        if (header->type != PERF_RECORD_SAMPLE)
            return true;
        const auto* sample = reinterpret_cast<const Sample*>(header);
        return on_event_({.data = sample->data, .size = sample->size, .cpu = cpu});
    }
    int poll(int milliseconds) override { return perf_buffer__poll(buffer_, milliseconds); }

    OnEvent on_event_;
    OnLost on_lost_;
    perf_buffer* buffer_ = nullptr;
};

} // namespace

std::unique_ptr<EventSource> EventSource::open(const Fd& map, const MapFacts& facts,
                                               OnEvent on_event, OnLost on_lost) {
    if (facts.type == BPF_MAP_TYPE_RINGBUF)
        return std::make_unique<RingSource>(map, std::move(on_event));
    return std::make_unique<PerfSource>(map, std::move(on_event), std::move(on_lost));
}

} // namespace dynmon
