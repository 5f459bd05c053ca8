// SPDX-License-Identifier: BSD-2-Clause
// Turns the raw entries of a read into a document on a Sink: one interface, one class a format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <linux/bpf.h>

#include "base/map_type.hpp"
#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "format/sink.hpp"
#include "manifest/open_metrics.hpp"

namespace dynmon {

struct ExportOptions; // format/export_options.hpp

// Where a monitor counts: one of its directions.
struct CountingPlace {
    Direction direction = Direction::ingress;
    std::string hook;   // "xdp", "tc-ingress", "tc-egress"
    std::string device; // as its hook recorded it; "": not known
    std::string netns;  // its namespace: the name it was loaded under, or else the inode number
    // Whether packets reach the monitor there now. Nothing: the caller has no right to look.
    std::optional<bool> attached;
    std::string health;  // the word of `status` for it
    std::string problem; // a sentence, where the word does not say it all
};

// [from, to) in ns since the Unix epoch; `sequence` counts the windows of a monitor from 1.
struct Window {
    std::uint64_t sequence = 0;
    std::uint64_t from_ns = 0;
    std::uint64_t to_ns = 0;
    std::uint32_t generation = 0;
};

// Entries as the kernel returned them. Not owned; valid during the call only.
struct Batch {
    std::size_t count = 0;
    const std::byte* keys = nullptr;   // null for queue and stack
    const std::byte* values = nullptr; // per-CPU maps: `cpus` copies, each round_up(size, 8) bytes
    std::size_t key_stride = 0;
    std::size_t value_stride = 0; // bytes from one entry's value(s) to the next
};

// What an exporter has to know of a map to print it. Owned by the caller for the whole read.
struct MetricView {
    std::string name; // metric name, or map name in `dump`
    std::string map_name;
    Direction direction = Direction::ingress;
    MapType map_type = BPF_MAP_TYPE_UNSPEC;
    std::uint32_t max_entries = 0; // 0: not known
    std::optional<Layout> key;     // none for queue and stack
    Layout value;
    std::size_t cpus = 0; // possible CPUs for a per-CPU map, 0 otherwise
    Merge merge = Merge::sum;
    std::map<std::string, Merge> merge_fields;
    std::vector<std::string> columns; // that `dynmon` prints, as paths; empty: all
    std::optional<OpenMetrics> open_metrics;
    std::uint64_t from_ns = 0; // when its entries began to count; 0: with the window
    bool stays = false;        // its entries stay in the map, and are in the next window again
    bool whole = true;         // every entry, in the map's order: an array needs no index
    // Its map is that of a metric of this direction, which has its entries: it has none itself.
    std::optional<Direction> same_as;
};

// For interfaces in keys and values, see btf/layout.hpp.
bool has_interfaces(const MetricView& metric);
void name_interfaces(MetricView& metric, const std::shared_ptr<const EnumSet>& names);

inline bool is_queue_like(MapType type) {
    return type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK;
}

// Bytes from one CPU's copy of a value to the next, as bpf(2) lays them out.
inline std::size_t cpu_stride(const MetricView& metric) {
    return (static_cast<std::size_t>(metric.value.size) + 7) / 8 * 8;
}

// Memory that outlives a killed process, for what is drained from a queue. What is put back,
// because its window could not be written, is zeroed there.
class DrainBuffer {
public:
    virtual ~DrainBuffer() = default;
    // `bytes` more, right behind those before. Throws when there is no room: before anything is
    // drained into it.
    virtual std::byte* next(std::size_t bytes) = 0;
};

// Call order: begin_document, for each metric (begin_metric, entries…, end_metric), end_document;
// the metrics of the ingress path come before those of the egress path. A document may be followed
// by the next one.
// Nothing an exporter prints depends on anything but its arguments.
class Exporter {
public:
    virtual ~Exporter() = default;
    // The metrics that documents will be about, before anything is taken out of a map; throws
    // Error{usage} when they are not what this exporter can print. What a replaced probe left may
    // have others.
    virtual void prepare(const std::vector<const MetricView*>& /*metrics*/) {}
    // Where the monitor counts now, ingress first: before the documents of a read. Not called for a
    // map on its own.
    virtual void counts_at(const std::vector<CountingPlace>& /*places*/) {}
    virtual void begin_document(const std::string& monitor, const Window& window) = 0;
    virtual void begin_metric(const MetricView& metric) = 0;
    // Where the elements of this queue or stack are to be drained to, `bytes` at most; null:
    // anywhere. Asked for once behind begin_metric(); has to live until the document is written or
    // has failed.
    virtual DrainBuffer* room_for_drained(const MetricView& /*metric*/, std::size_t /*bytes*/) {
        return nullptr;
    }
    virtual void entries(const Batch& batch) = 0;
    // Before end_metric(), where entries were kept back: that many by a condition, that many by a
    // limit on their number.
    virtual void kept_back(std::uint64_t /*filtered*/, std::uint64_t /*beyond*/) {}
    // `timestamp_us`: µs since the epoch, when the last entry was read.
    virtual void end_metric(std::uint64_t timestamp_us) = 0;
    // What is written to the sink is flushed after this; an exporter that stores it elsewhere
    // has to have done so when this returns. Only then it is taken out of the kernel; throw, and it
    // comes again.
    virtual void end_document() = 0;
    // After the last document, once.
    virtual void finish() {}
    // Nothing comes any more, for whatever reason: what was kept from one document to the next goes
    // out. Throws Error{failed} that says what is lost.
    virtual void close() {}
};

// All formats but OpenMetrics, which has its own writer (format/openmetrics.hpp) because
// it shows totals, not windows. `sink` must outlive the exporter. What `options` says of the shape
// is done in front of the format.
std::unique_ptr<Exporter> make_exporter(const ExportOptions& options, Sink& sink);

} // namespace dynmon
