// SPDX-License-Identifier: BSD-2-Clause
// probe.yaml as data: what a probe is called, which programs and metrics it has, what can be set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.hpp"

namespace dynmon {

enum class Direction { ingress, egress };
enum class HookKind { xdp, tc }; // which hook ingress uses; egress is always TC
enum class XdpMode { native, generic, offload };
// How the values of several CPUs become one.
// leads, follows: of single fields. The CPU with the smallest value that is not 0 leads, and what
// follows is its.
enum class Merge { sum, max, min, first, last, bit_or, none, leads, follows };
enum class MetricType { counter, gauge, histogram, untyped };
enum class BucketScale { log2, linear };
// What a probe may do beyond looking, in the words of `may`.
enum class Power { drop, write_packets, redirect, read_kernel, timers, loops };

const char* to_string(Direction direction); // "ingress" | "egress"
const char* to_string(HookKind kind);       // "xdp" | "tc"
const char* to_string(XdpMode mode);        // "native" | "generic" | "offload"
const char* to_string(Merge merge);         // "sum" | "max" | "min" | "first" | "last" | …
const char* to_string(MetricType type);     // "counter" | "gauge" | …
const char* to_string(BucketScale scale);   // "log2" | "linear"
const char* to_string(Power power);         // "drop" | "write-packets" | "redirect" | …

// Where in the manifest something stands; lines and columns start at 1, 0 is "nowhere".
struct Position {
    int line = 0;
    int column = 0;
};

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
    std::size_t max_series = limits::series_per_metric;
    Position at;
};

// One entry of `metric-configs`: a map to read and how.
struct MetricConfig {
    std::string name;
    std::string map_name;
    std::string help;
    bool swap_on_read = false;
    bool empty_on_read = false;
    std::optional<OpenMetrics> open_metrics;
    std::optional<Merge> merge;                 // per-CPU maps; unset: sum
    std::map<std::string, Merge> merge_fields;  // field path ("value.first") → merge
    std::map<std::string, std::string> formats; // field path → format name ("ipv4", "mac", …)
    std::vector<std::string> columns;           // field paths that `dynmon` prints; empty: all
    Position at;
    Position map_at;
    Position swap_at;
    Position empty_at;
    Position merge_at;
    std::map<std::string, Position> merge_fields_at;
    std::map<std::string, Position> formats_at;
    std::map<std::string, Position> columns_at;
};

// `ingress-path` or `egress-path`.
struct PathConfig {
    Direction direction = Direction::ingress;
    std::string name;        // free text, as in Dynmon
    std::string program;     // the TC program; empty: the object's only fitting one
    std::string xdp_program; // ingress only: the XDP program; empty: the object's only one
    std::vector<MetricConfig> metrics;
    Position at;
    Position program_at;
    Position xdp_program_at;
};

// `parameters`: a `const volatile` global of the object that may be set at load time.
struct Parameter {
    std::string name;
    std::string help;
    std::optional<std::string> preset; // `default:` as written; unset: what the object holds
    std::optional<std::string> min;    // as written, compared in the type that BTF gives
    std::optional<std::string> max;
    Position at;
    Position preset_at;
    Position min_at;
    Position max_at;
};

// One entry of `maps`: what of a map of the object is decided at load time.
struct MapConfig {
    std::string name;
    std::vector<std::string> max_entries; // factors: whole numbers and parameters; empty: as it is
    std::string type;                     // a parameter of enum bpf_map_type; empty: as it is
    Position at;
    Position max_entries_at;
    Position type_at;
};

struct Manifest {
    std::string name;
    std::string description;
    std::string object;           // file name beside the manifest; default <name>.bpf.o
    HookKind hook = HookKind::tc; // when `load` does not say
    XdpMode xdp_mode = XdpMode::native;
    bool xdp_fallback_generic = false; // native refused: generic is allowed
    std::set<Power> may;               // `may`, and what `verdict` and other powers imply
    std::vector<Parameter> parameters;
    std::vector<MapConfig> maps;
    std::vector<PathConfig> paths; // at most one of each direction, ingress first

    const PathConfig* path(Direction direction) const;
    std::set<std::string> swapped_maps() const; // those of metrics with `swap-on-read`
    bool may_drop() const { return may.contains(Power::drop); }
};

// One finding; `hint` may be empty.
struct Diagnostic {
    Position at;
    std::string message;
    std::string hint;
};

// "probe.yaml:3:5", or just the file when the place is not known.
std::string place_text(std::string_view file, const Position& at);

struct ParsedManifest {
    Manifest manifest;                   // what could be understood
    std::vector<Diagnostic> diagnostics; // empty: the manifest is good
};

// Parses YAML or JSON (the same document). Never throws on bad input: every fault becomes a
// diagnostic with its line and column. Pure.
ParsedManifest parse_manifest(std::string_view text);

// As parse_manifest, but throws Error{usage} "FILE:LINE:COL: …" with the first fault (and the
// number of the others).
Manifest require_manifest(std::string_view text, std::string_view file);

// The manifest as one line of JSON which parse_manifest reads back to an equal manifest.
std::string manifest_to_json(const Manifest& manifest);

} // namespace dynmon
