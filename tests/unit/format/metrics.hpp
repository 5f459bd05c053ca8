// SPDX-License-Identifier: BSD-2-Clause
// Metrics with known entries, and what the exporters make of them.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "decode/types.hpp"
#include "format/export_options.hpp"
#include "format/exporter.hpp"

namespace dynmon::test {

struct Flow {
    std::uint64_t packets;
    std::uint64_t bytes;
    std::uint64_t last; // time
};

struct FlowKey {
    std::uint32_t saddr; // network order
    std::uint16_t dport; // network order
    std::uint8_t proto;
    std::uint8_t pad;
};

inline constexpr std::uint64_t noon = 1795262400'000000000ull; // 2026-11-21T12:00:00Z

class Metrics {
public:
    Metrics() {
        key_type = types.group("flow_key", sizeof(FlowKey),
                               {{"saddr", types.alias("dynmon_ipv4_t", types.u32), 0},
                                {"dport", types.alias("dynmon_port_t", types.u16), 32},
                                {"proto", types.alias("dynmon_proto_t", types.u8), 48}});
        value_type = types.group("flow", sizeof(Flow),
                                 {{"packets", types.u64, 0},
                                  {"bytes", types.u64, 64},
                                  {"last", types.alias("dynmon_time_ns_t", types.u64), 128}});
    }

    MetricView flows(bpf_map_type type, std::size_t cpus = 0) const {
        MetricView view;
        view.name = "flows";
        view.map_name = "FLOWS";
        view.map_type = type;
        view.key = types.layout(key_type, sizeof(FlowKey), {}, "key");
        view.value = types.layout(value_type, sizeof(Flow));
        view.cpus = cpus;
        return view;
    }

    MetricView counters(bpf_map_type type, std::size_t cpus = 0) const {
        MetricView view;
        view.name = "packets_total";
        view.map_name = "PKT_COUNTER";
        view.map_type = type;
        if (!is_queue_like(type))
            view.key = types.layout(types.u32, 4, {}, "key");
        view.value = types.layout(types.u64, 8);
        view.cpus = cpus;
        return view;
    }

    // A queue of texts of eight bytes.
    MetricView texts(const char* name) {
        MetricView view = counters(BPF_MAP_TYPE_QUEUE);
        view.name = name;
        view.value = types.layout(types.array(types.c8, 8), 8);
        return view;
    }

    Types types;
    int key_type;
    int value_type;
};

template <typename K, typename V>
Batch batch(const std::vector<K>& keys, const std::vector<V>& values, std::size_t per_entry = 1) {
    Batch result;
    result.count = values.size() / per_entry;
    result.keys = keys.empty() ? nullptr : reinterpret_cast<const std::byte*>(keys.data());
    result.values = reinterpret_cast<const std::byte*>(values.data());
    result.key_stride = sizeof(K);
    result.value_stride = sizeof(V) * per_entry;
    return result;
}

inline Batch no_entries() {
    return {};
}

inline const std::vector<FlowKey> flow_keys = {{0x0100000a, 0xbb01, 6, 0},
                                               {0x0200000a, 0x3500, 17, 0}};
inline const std::vector<Flow> flow_values = {{5, 500, noon}, {7, 70, 0}};

struct Part {
    MetricView view;
    std::vector<Batch> batches;
};

inline constexpr Window window_7{7, noon - 1'500'000'000, noon, 3};

inline void render_to(const ExportOptions& options, const std::vector<Part>& parts, Sink& sink,
                      const std::string& monitor, int times = 1,
                      const std::vector<CountingPlace>& places = {}) {
    const auto exporter = make_exporter(options, sink);
    if (!places.empty())
        exporter->counts_at(places);
    for (int i = 0; i < times; ++i) {
        exporter->begin_document(monitor, window_7);
        for (const Part& part : parts) {
            exporter->begin_metric(part.view);
            for (const Batch& entries : part.batches)
                exporter->entries(entries);
            exporter->end_metric(1599403699607360);
        }
        exporter->end_document();
    }
}

// The text of one document, kept in memory.
inline std::string render(const ExportOptions& options, const std::vector<Part>& parts,
                          const std::string& monitor = "web", int times = 1,
                          const std::vector<CountingPlace>& places = {}) {
    Sink sink(-1);
    render_to(options, parts, sink, monitor, times, places);
    return sink.buffer();
}

// A monitor of a device of which another program has taken half.
inline std::vector<CountingPlace> half_attached() {
    CountingPlace in;
    in.hook = "tc-ingress";
    in.device = "eth0";
    in.netns = "blue";
    in.attached = false;
    in.health = "detached";
    CountingPlace out = in;
    out.direction = Direction::egress;
    out.hook = "tc-egress";
    out.netns = "4026531840";
    out.attached = true;
    out.health = "attached";
    return {in, out};
}

inline std::string render_json(const ExportOptions& options, const std::vector<Part>& parts) {
    std::string text = render(options, parts);
    CHECK_MESSAGE(nlohmann::json::accept(text), text);
    return text;
}

inline Label fixed_label(const char* name, const char* value) {
    Label label;
    label.name = name;
    label.value = value;
    return label;
}

inline Label key_label(const char* name, const char* field) {
    Label label;
    label.name = name;
    label.field = field;
    return label;
}

inline Series series_of(const char* name, const char* field, const char* unit = "",
                        std::optional<MetricType> type = {}) {
    Series series;
    series.name = name;
    series.field = field;
    series.unit = unit;
    series.type = type;
    return series;
}

inline Part at_egress(Part part) {
    part.view.direction = Direction::egress;
    return part;
}

} // namespace dynmon::test
