// SPDX-License-Identifier: BSD-2-Clause
// probe.yaml as data: what a probe is called, which programs and metrics it has, what can be set.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/open_metrics.hpp"
#include "manifest/words.hpp"

namespace dynmon {

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

// `imported`: the document that the probe was made of.
struct Imported {
    std::string document; // file name beside the manifest
    std::string ingress;  // SHA-256 of its canonical path, 64 hex digits; "": no such path
    std::string egress;
    Position at;
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
    std::optional<Imported> imported;

    const PathConfig* path(Direction direction) const;
    std::set<std::string> swapped_maps() const; // those of metrics with `swap-on-read`
    bool may_drop() const { return may.contains(Power::drop); }
};

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
