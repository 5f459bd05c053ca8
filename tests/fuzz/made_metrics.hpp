// SPDX-License-Identifier: BSD-2-Clause
// A metric and its entries made from a fuzzer's choices: every kind of map, semantic, rule and
// label.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "btf/layout.hpp"
#include "decode/merge_rule.hpp"
#include "format/exporter.hpp"
#include "fuzz/expect.hpp"
#include "fuzz/made_types.hpp"

namespace dynmon::fuzz {

inline constexpr std::size_t most_entries = 6;

inline std::size_t some_size(FuzzedDataProvider& input, std::size_t least, std::size_t most) {
    return input.ConsumeIntegralInRange<std::size_t>(least, most);
}

// A path that exists, of the key or the value; or one that does not.
inline std::string some_path(FuzzedDataProvider& input, const Layout& layout,
                             const std::string& root) {
    const std::vector<std::string> leaves = leaf_paths(layout);
    if (leaves.empty() || some_size(input, 0, 15) == 15)
        return root + input.ConsumeRandomLengthString(5);
    const std::string& leaf =
        leaves[some_size(input, 0, std::min<std::size_t>(leaves.size(), 64) - 1)];
    // Seldom what is around it: an array, a struct.
    const std::size_t end = some_size(input, 0, 7) == 7 ? leaf.find_last_of(".[") : leaf.npos;
    return join_path(root, end == leaf.npos ? leaf : leaf.substr(0, end));
}

inline std::string some_field(FuzzedDataProvider& input, const MetricView& view) {
    return view.key && input.ConsumeBool() ? some_path(input, *view.key, "key")
                                           : some_path(input, view.value, "value");
}

inline std::string some_format(FuzzedDataProvider& input) {
    const auto& names = semantic_names();
    const std::size_t which = some_size(input, 0, names.size() + 1);
    return which < names.size() ? names[which] : which == names.size() ? "enum:e" : "flags:e";
}

// With the format of a manifest for one of its fields, where that is possible.
inline Layout some_layout(FuzzedDataProvider& input, const MadeTypes& types, MadeTypes::Made made,
                          const std::string& root) {
    const auto id = static_cast<std::uint32_t>(made.id);
    Layout layout = build_layout(types.get(), id, made.size, root);
    if (!input.ConsumeBool())
        return layout;
    const std::string path = some_path(input, layout, root);
    try {
        return build_layout(types.get(), id, made.size, root, {{path, some_format(input)}});
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage, error.what());
        return layout;
    }
}

// As a manifest may have them.
inline Buckets some_buckets(FuzzedDataProvider& input, const MetricView& view) {
    constexpr std::int64_t largest = std::int64_t{1} << 48;
    Buckets buckets;
    if (view.key && input.ConsumeBool()) {
        buckets.key = some_path(input, *view.key, "key");
        buckets.count = some_size(input, 1, some_size(input, 0, 15) == 15 ? limits::buckets : 8);
    }
    if (input.ConsumeBool())
        buckets.sum = some_path(input, view.value, "value");
    if (input.ConsumeBool()) {
        buckets.scale = BucketScale::linear;
        buckets.min =
            input.ConsumeIntegralInRange<std::int64_t>(buckets.sum.empty() ? -largest : 0, largest);
        buckets.width = input.ConsumeIntegralInRange<std::uint64_t>(1, largest);
    }
    static constexpr double multipliers[] = {1, 1e-9, 0.001, 1024, 1e-30, 1e30};
    buckets.multiplier = input.PickValueInArray(multipliers);
    return buckets;
}

inline OpenMetrics some_metadata(FuzzedDataProvider& input, const MetricView& view) {
    static constexpr MetricType types[] = {MetricType::counter, MetricType::gauge,
                                           MetricType::untyped, MetricType::histogram};
    OpenMetrics section;
    section.help = input.ConsumeRandomLengthString(8);
    section.type = input.PickValueInArray(types);
    section.max_series = some_size(input, 1, 8);
    for (std::size_t i = some_size(input, 0, 3); i > 0; --i) {
        Label label;
        label.name = "label" + std::to_string(i);
        if (view.key && input.ConsumeBool())
            label.field = some_path(input, *view.key, "key");
        else
            label.value = input.ConsumeRandomLengthString(8);
        section.labels.push_back(label);
    }
    for (std::size_t i = some_size(input, 0, 2); i > 0; --i) {
        Series series;
        series.name = "series" + std::to_string(i);
        series.field = some_path(input, view.value, "value");
        if (input.ConsumeBool())
            series.type = input.PickValueInArray(types);
        section.series.push_back(series);
    }
    if (input.ConsumeBool())
        section.buckets = some_buckets(input, view);
    return section;
}

// Interfaces have any name.
inline std::shared_ptr<const EnumSet> some_interfaces(FuzzedDataProvider& input) {
    auto names = std::make_shared<EnumSet>();
    names->values = {{0, "lo"}, {1, input.ConsumeRandomLengthString(15)}};
    return names;
}

inline void add_merge(FuzzedDataProvider& input, MetricView& view) {
    static constexpr Merge merges[] = {Merge::sum,  Merge::max,    Merge::min,
                                       Merge::last, Merge::bit_or, Merge::none};
    view.merge = input.PickValueInArray(merges);
    if (view.map_type != BPF_MAP_TYPE_PERCPU_HASH && view.map_type != BPF_MAP_TYPE_PERCPU_ARRAY)
        return;
    view.cpus = some_size(input, 1, 3);
    for (std::size_t i = some_size(input, 0, 2); i > 0 && view.merge != Merge::none; --i) {
        const std::string path = some_path(input, view.value, "value");
        view.merge_fields[path] = merges[some_size(input, 0, 4)];
    }
    if (view.merge != Merge::none)
        view.merge_fields = with_rules_for_bytes(view.value, view.merge_fields);
}

// Without metadata. Throws Error{usage} for what no manifest may say.
inline MetricView some_view(FuzzedDataProvider& input, MadeTypes& types) {
    static constexpr bpf_map_type kinds[] = {BPF_MAP_TYPE_HASH,        BPF_MAP_TYPE_ARRAY,
                                             BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
                                             BPF_MAP_TYPE_QUEUE,       BPF_MAP_TYPE_LRU_HASH};
    MetricView view;
    view.name = "flows";
    view.map_name = "FLOWS";
    view.map_type = input.PickValueInArray(kinds);
    if (is_array_like(view.map_type)) // always numbered
        view.key = untyped_layout(4);
    else if (!is_queue_like(view.map_type))
        view.key = some_layout(input, types, types.any(2), "key");
    view.value = some_layout(input, types, types.any(3), "value");
    add_merge(input, view);
    view.whole = input.ConsumeBool();
    if (has_interfaces(view) && input.ConsumeBool())
        name_interfaces(view, some_interfaces(input));
    return view;
}

// Entries as the kernel lays them out; the last byte of the last one is the last of its vector.
class Entries {
public:
    Entries(FuzzedDataProvider& input, const MetricView& view) {
        batch.count = some_size(input, 0, most_entries);
        batch.key_stride = view.key ? view.key->size : 0;
        batch.value_stride = view.cpus > 0 ? view.cpus * cpu_stride(view) : view.value.size;
        const auto bytes = input.ConsumeRemainingBytes<std::uint8_t>();
        const auto take = [&](std::vector<std::byte>& to, std::size_t size, std::size_t from) {
            to.resize(size);
            for (std::size_t i = 0; i < size && !bytes.empty(); ++i)
                to[i] = static_cast<std::byte>(bytes[(from + i) % bytes.size()]);
        };
        take(keys_, batch.count * batch.key_stride, 0);
        take(values_, batch.count * batch.value_stride, keys_.size());
        batch.keys = view.key ? keys_.data() : nullptr;
        batch.values = values_.data();
    }
    Entries(const Entries&) = delete;
    Entries& operator=(const Entries&) = delete;

    const std::vector<std::byte>& value_bytes() const { return values_; }

    Batch batch;

private:
    std::vector<std::byte> keys_;
    std::vector<std::byte> values_;
};

inline Batch one_entry(const Batch& all, std::size_t index) {
    Batch one = all;
    one.count = 1;
    one.keys = all.keys == nullptr ? nullptr : all.keys + index * all.key_stride;
    one.values = all.values + index * all.value_stride;
    return one;
}

} // namespace dynmon::fuzz
