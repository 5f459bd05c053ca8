// SPDX-License-Identifier: BSD-2-Clause
// A document of Dynmon as data: the C source and the metrics of each direction. Needs neither
// compiler nor kernel: a server finds the probe that was made of a document by its digests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/manifest.hpp"

namespace dynmon {

// `open-metrics-metadata` as the document has it: its words are not those of OpenMetrics.
struct DocumentOpenMetrics {
    std::string help;
    std::string type; // lower case: counter, gauge, histogram, summary or untyped
    std::vector<std::pair<std::string, std::string>> labels;
};

struct DocumentMetric {
    std::string name; // any text that is not empty, once a path
    std::string map_name;
    bool swap_on_read = false;
    bool empty_on_read = false;
    std::optional<DocumentOpenMetrics> open_metrics;
    Position at;
    Position map_at;
};

// The code of a path, and where it stands in the document.
struct DocumentCode {
    std::string text;    // lines end in LF
    std::string written; // as it stands in the document: in JSON between the quotes
    Position at;         // of the first character of `written`
    bool json = true;    // `written` has the escapes of JSON
};

struct DocumentPath {
    Direction direction = Direction::ingress;
    std::string name; // free text
    DocumentCode code;
    std::vector<DocumentMetric> metrics;
    // Macros that are defined before the code, as DeChainy has them from its caller; no document
    // does.
    std::map<std::string, std::string> defines;
    Position at;
};

// paths: `ingress-path` and `egress-path` (Dynmon 1.1). flat: `name`, `code` and `metrics` (1.0,
// ingress only). catalogue: `id` and `config` with `code` and `metrics` (ingress only). source: C.
enum class DocumentShape { paths, flat, catalogue, source };
const char* to_string(DocumentShape shape);

struct DynmonDocument {
    DocumentShape shape = DocumentShape::paths;
    std::string name;                // of a flat document or a catalogue entry; may be empty
    std::string type;                // of the cube around it: "TC", "XDP_SKB", "XDP_DRV" or ""
    std::vector<DocumentPath> paths; // at least one, ingress first

    const DocumentPath* path(Direction direction) const;
};

// Parses a document of any shape, also the body that creates or changes a cube (`dataplane-config`
// or `dataplane` around it). An empty path (`{}`) is none. Throws Error{usage} "FILE:LINE:COL: …"
// with the first fault. Pure.
DynmonDocument parse_dynmon_document(std::string_view text, std::string_view file);

// A C source with metrics: `metrics` is JSON (a list of `metric-configs`, or an object with it), or
// empty: then the importer makes one of each table. Throws as above, of `metrics_file`.
DynmonDocument parse_dynmon_source(std::string_view source, Direction direction,
                                   std::string_view metrics, std::string_view metrics_file);

// What makes two paths the same: one line of JSON with sorted keys,
// {"code":…,"metrics":[{"extraction-options":{"empty-on-read":…,"swap-on-read":…},"map-name":…,
// "name":…,"open-metrics-metadata":{"help":…,"labels":[{"name":…,"value":…}],"type":…}}]}. Code has
// LF line ends; options are all there; open-metrics-metadata only where the document has it, and
// "defines":{…} only where there are some.
std::string canonical_path(const DocumentPath& path);

// SHA-256 of it in hex: what `imported` of a manifest holds.
std::string path_digest(const DocumentPath& path);

// Names of the manifest's metrics, in the order of the document's: identifiers, each once. The
// document's own name where that is one.
std::vector<std::string> metric_identifiers(const DocumentPath& path);

// Where line and column of the code (from 1, in bytes) stand in the document.
Position code_place(const DocumentCode& code, int line, int column);

} // namespace dynmon
