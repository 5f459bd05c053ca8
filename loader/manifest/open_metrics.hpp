// SPDX-License-Identifier: BSD-2-Clause
// `open-metrics` of a manifest as data: which families are made of a metric.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/position.hpp"
#include "manifest/words.hpp"

namespace dynmon {

// A label is static (`value`) or taken from the map's key (`field`, a path such as "key.proto").
struct Label {
    std::string name;
    std::string value;
    std::string field;
    Position at;
    Position field_at;
};

// What the counts of a histogram stand for. Bucket i has the integers from 2^i to 2^(i+1) - 1
// (log2; the first has 0 too) or from min + i*width to min + (i+1)*width - 1 (linear), and the last
// one all that are larger. The counts are the elements of the series' field; or, with `key`, that
// field of the key has the bucket's number, and the series' field how many there are in it.
struct Buckets {
    BucketScale scale = BucketScale::log2;
    std::string key;       // path such as "key.slot"; empty: the series' field is an array
    std::size_t count = 0; // how many buckets; with `key` only
    std::int64_t min = 0;
    std::uint64_t width = 1;
    double multiplier = 1; // from what is stored to the family's unit: 1e-9 for ns to seconds
    std::string sum;       // path of the exact sum of all values; empty: not known
    Position at;
    Position key_at;
    Position count_at;
    Position sum_at;
};

// One OpenMetrics family made of one numeric field of the map's value, or of one array of counts.
struct Series {
    std::string name;               // family name without "_total"; empty: the metric's own name
    std::string field;              // path such as "value.packets"; empty: the whole (scalar) value
    std::optional<MetricType> type; // unset: that of the metric
    std::string unit;               // "bytes", "seconds", …; must end the family's name
    std::string help;               // empty: that of the metric
    std::optional<Buckets> buckets; // of a histogram; unset: those of the metric
    Position at;
    Position field_at;
};

struct OpenMetrics {
    std::string help;
    MetricType type = MetricType::untyped;
    std::vector<Label> labels;
    std::vector<Series> series;     // empty: one series of the whole value
    std::optional<Buckets> buckets; // of the series that are histograms
    static constexpr std::size_t preset_series = 10'000;
    std::size_t max_series = preset_series;
    Position at;
};

} // namespace dynmon
