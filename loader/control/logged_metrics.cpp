// SPDX-License-Identifier: BSD-2-Clause
#include "control/logged_metrics.hpp"

#include <cstring>
#include <limits>
#include <type_traits>

#include "kernel/clock.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

namespace {

// All parts begin at a multiple of 8 bytes.
struct MetricHead {
    std::uint32_t direction;
    std::uint32_t map_type;
    std::uint32_t key_size;
    std::uint32_t value_size;
    std::uint64_t from_ns;
    std::uint64_t timestamp_us;
    std::uint32_t name_bytes; // behind this
    std::uint32_t batches;    // behind that
    std::uint32_t max_entries;
    std::uint32_t reserved;
};

struct BatchHead {
    std::uint64_t count;
    std::uint64_t key_stride; // 0: there are no keys
    std::uint64_t value_stride;
};

constexpr std::size_t padded(std::size_t bytes) {
    return (bytes + 7) / 8 * 8;
}

void put(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
    const auto* const from = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), from, from + size);
    bytes.resize(padded(bytes.size()));
}

MetricHead head_at(const std::vector<std::byte>& bytes, std::size_t at) {
    MetricHead head;
    std::memcpy(&head, bytes.data() + at, sizeof head);
    return head;
}

// Takes parts off the front.
class Parts {
public:
    explicit Parts(const std::vector<std::byte>& bytes) : bytes_(bytes) {}
    bool is_empty() const { return at_ == bytes_.size(); }

    const std::byte* take(std::size_t size) {
        if (size > bytes_.size() - at_)
            throw Damaged("a window that waits for named readers is none that dynmon writes");
        const std::byte* const part = bytes_.data() + at_;
        at_ = std::min(at_ + padded(size), bytes_.size());
        return part;
    }
    const std::byte* take(std::uint64_t count, std::uint64_t size) {
        if (size != 0 && count > bytes_.size() / size)
            take(std::numeric_limits<std::size_t>::max()); // throws
        return take(count * size);
    }
    template <typename Head>
    Head take_head() {
        static_assert(std::is_trivially_copyable_v<Head>);
        Head head;
        std::memcpy(&head, take(sizeof head), sizeof head);
        return head;
    }

private:
    const std::vector<std::byte>& bytes_;
    std::size_t at_ = 0;
};

} // namespace

void LogWriter::begin_document(const std::string&, const Window& window) {
    window_ = window;
    bytes_.clear();
}

void LogWriter::begin_metric(const MetricView& metric) {
    head_ = bytes_.size();
    const MetricHead head{static_cast<std::uint32_t>(metric.direction),
                          static_cast<std::uint32_t>(metric.map_type),
                          metric.key ? static_cast<std::uint32_t>(metric.key->size) : 0,
                          static_cast<std::uint32_t>(metric.value.size),
                          metric.from_ns,
                          0,
                          static_cast<std::uint32_t>(metric.name.size()),
                          0,
                          metric.max_entries,
                          0};
    put(bytes_, &head, sizeof head);
    put(bytes_, metric.name.data(), metric.name.size());
}

void LogWriter::entries(const Batch& batch) {
    if (batch.count == 0)
        return;
    const BatchHead head{batch.count, batch.keys == nullptr ? 0 : batch.key_stride,
                         batch.value_stride};
    put(bytes_, &head, sizeof head);
    if (batch.keys != nullptr)
        put(bytes_, batch.keys, batch.count * batch.key_stride);
    put(bytes_, batch.values, batch.count * batch.value_stride);
    MetricHead metric = head_at(bytes_, head_);
    ++metric.batches;
    std::memcpy(bytes_.data() + head_, &metric, sizeof metric);
}

void LogWriter::end_metric(std::uint64_t timestamp_us) {
    MetricHead metric = head_at(bytes_, head_);
    metric.timestamp_us = timestamp_us;
    std::memcpy(bytes_.data() + head_, &metric, sizeof metric);
}

void LogWriter::end_document() {
    if (!log_.has(window_))
        log_.append(window_, bytes_, epoch_ns());
    bytes_.clear();
}

std::vector<LoggedMetric> read_logged(const std::vector<std::byte>& bytes) {
    std::vector<LoggedMetric> metrics;
    Parts parts(bytes);
    while (!parts.is_empty()) {
        const auto head = parts.take_head<MetricHead>();
        LoggedMetric metric;
        metric.direction = head.direction == static_cast<std::uint32_t>(Direction::egress)
                               ? Direction::egress
                               : Direction::ingress;
        metric.facts.type = static_cast<MapType>(head.map_type);
        metric.facts.key_size = head.key_size;
        metric.facts.value_size = head.value_size;
        metric.facts.max_entries = head.max_entries;
        metric.from_ns = head.from_ns;
        metric.timestamp_us = head.timestamp_us;
        metric.name.assign(reinterpret_cast<const char*>(parts.take(head.name_bytes)),
                           head.name_bytes);
        for (std::uint32_t i = 0; i < head.batches; ++i) {
            const auto batch = parts.take_head<BatchHead>();
            Batch entries;
            entries.count = batch.count;
            entries.key_stride = batch.key_stride;
            entries.value_stride = batch.value_stride;
            if (batch.key_stride != 0)
                entries.keys = parts.take(batch.count, batch.key_stride);
            entries.values = parts.take(batch.count, batch.value_stride);
            metric.entries.push_back(entries);
        }
        metrics.push_back(std::move(metric));
    }
    return metrics;
}

} // namespace dynmon
