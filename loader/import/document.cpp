// SPDX-License-Identifier: BSD-2-Clause
#include "import/document.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <span>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/json_text.hpp"
#include "base/limits.hpp"
#include "import/json_tree.hpp"
#include "manifest/fields.hpp"
#include "object/allow_list.hpp"

namespace dynmon {

namespace {

using CanonicalJson = nlohmann::json; // its objects sort their keys

std::string with_lf(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n')
            out += text[i];
    return out;
}

const Node* child(const Node& node, std::string_view key) {
    for (std::size_t i = 0; i < node.keys.size(); ++i)
        if (node.keys[i].text == key)
            return &node.items[i];
    return nullptr;
}

class Reader {
public:
    Reader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

    DynmonDocument document(const Node& top) {
        DynmonDocument document;
        const Node* node = unwrapped(top, document);
        if (child(*node, "ingress-path") != nullptr || child(*node, "egress-path") != nullptr)
            read_paths(*node, document);
        else if (const Node* config = child(*node, "config");
                 config != nullptr && child(*config, "code") != nullptr)
            read_catalogue(*node, *config, document);
        else if (child(*node, "code") != nullptr)
            read_flat(*node, document);
        else
            throw_fault(file_, node->at, "no document of Dynmon",
                        "it has 'ingress-path' or 'egress-path', or 'code' and 'metrics'");
        if (document.paths.empty())
            throw_fault(file_, node->at, "neither path has code");
        return document;
    }

    std::vector<DocumentMetric> metrics(const Node& list) {
        if (list.kind != Node::Kind::sequence)
            throw_fault(file_, list.at, "metrics must be a list, not " + describe(list));
        std::vector<DocumentMetric> metrics;
        std::set<std::string> names;
        for (const Node& item : list.items) {
            metrics.push_back(metric(item));
            if (!names.insert(metrics.back().name).second)
                throw_fault(file_, metrics.back().at,
                            "metric '" + metrics.back().name + "' stands there twice",
                            "give one of them another name");
        }
        if (metrics.size() > limits::metrics)
            throw_fault(file_, metrics[limits::metrics].at,
                        "more than " + std::to_string(limits::metrics) + " metrics");
        return metrics;
    }

private:
    const Node* unwrapped(const Node& top, DynmonDocument& document) {
        const Node* node = &top;
        if (node->kind != Node::Kind::mapping)
            throw_fault(file_, node->at, "a document is an object, not " + describe(*node));
        for (const char* wrapper : {"dataplane-config", "dataplane"}) {
            const Node* inner = child(*node, wrapper);
            if (inner == nullptr)
                continue;
            if (const Node* type = child(*node, "type"))
                document.type = type->text;
            if (inner->kind != Node::Kind::mapping)
                throw_fault(file_, inner->at,
                            std::string(wrapper) + " is an object, not " + describe(*inner));
            node = inner;
        }
        return node;
    }

    void read_paths(const Node& node, DynmonDocument& document) {
        document.shape = DocumentShape::paths;
        for (const Direction direction : {Direction::ingress, Direction::egress}) {
            const std::string key = std::string(to_string(direction)) + "-path";
            const Node* item = child(node, key);
            if (item == nullptr || (item->kind == Node::Kind::mapping && item->keys.empty()))
                continue;
            document.paths.push_back(path(*item, direction, key));
        }
        for (const Node::Key& key : node.keys)
            if (key.text.ends_with("-path") && key.text != "ingress-path" &&
                key.text != "egress-path")
                throw_fault(file_, key.at, "unknown key '" + key.text + "'",
                            "paths are 'ingress-path' and 'egress-path'");
    }

    void read_flat(const Node& node, DynmonDocument& document) {
        document.shape = DocumentShape::flat;
        if (const Node* name = child(node, "name"))
            document.name = name->text;
        document.paths.push_back(path(node, Direction::ingress, "the document"));
    }

    void read_catalogue(const Node& node, const Node& config, DynmonDocument& document) {
        document.shape = DocumentShape::catalogue;
        if (const Node* id = child(node, "id"))
            document.name = id->text;
        document.paths.push_back(path(config, Direction::ingress, "config"));
        if (const Node* description = child(node, "description"))
            document.paths.back().name = description->text;
    }

    DocumentPath path(const Node& node, Direction direction, const std::string& what) {
        if (node.kind != Node::Kind::mapping)
            throw_fault(file_, node.at, what + " is an object, not " + describe(node));
        Faults faults;
        const Fields fields(node, what, {"name", "code", "metric-configs", "metrics", "_links"},
                            {"code"}, faults);
        first_of(faults);
        DocumentPath path;
        path.direction = direction;
        path.at = node.at;
        if (const Node* name = child(node, "name"))
            path.name = text_of(*name, "name");
        path.code = code(*fields.find("code"));
        for (const char* key : {"metric-configs", "metrics"})
            if (const Node* list = child(node, key)) {
                if (!path.metrics.empty())
                    throw_fault(file_, list->at, "both 'metric-configs' and 'metrics'",
                                "the one is the other's name in an older Dynmon");
                path.metrics = metrics(*list);
            }
        return path;
    }

    DocumentCode code(const Node& node) {
        DocumentCode code;
        code.text = with_lf(text_of(node, "code"));
        if (code.text.find('\0') != std::string::npos)
            throw_fault(file_, node.at, "the code has a NUL character");
        const std::size_t begin = offset_of(text_, node.at) + 1;
        std::size_t end = begin;
        while (end < text_.size() && text_[end] != '"')
            end += text_[end] == '\\' ? 2 : 1;
        code.written = text_.substr(begin, end - begin);
        code.at = {node.at.line, node.at.column + 1};
        return code;
    }

    DocumentMetric metric(const Node& node) {
        if (node.kind != Node::Kind::mapping)
            throw_fault(file_, node.at, "a metric is an object, not " + describe(node));
        Faults faults;
        const Fields fields(node, "a metric",
                            {"name", "map-name", "extraction-options", "open-metrics-metadata",
                             "value", "timestamp", "_links"},
                            {"name", "map-name"}, faults);
        DocumentMetric metric;
        metric.at = node.at;
        metric.name = fields.text("name", rule::some_text);
        metric.map_name = fields.text("map-name", rule::c_name);
        metric.map_at = fields.at("map-name");
        if (const Node* options = fields.find("extraction-options")) {
            const Fields switches(*options, "extraction-options",
                                  {"swap-on-read", "empty-on-read", "_links"}, {}, faults);
            metric.swap_on_read = switches.flag("swap-on-read");
            metric.empty_on_read = switches.flag("empty-on-read");
        }
        if (const Node* metadata = fields.find("open-metrics-metadata"))
            metric.open_metrics = open_metrics(*metadata, faults);
        first_of(faults);
        return metric;
    }

    DocumentOpenMetrics open_metrics(const Node& node, Faults& faults) {
        const Fields fields(node, "open-metrics-metadata", {"help", "type", "labels", "_links"},
                            {"help", "type"}, faults);
        DocumentOpenMetrics metrics;
        metrics.help = fields.text("help", rule::any_text);
        metrics.type = fields.text("type", rule::some_text);
        std::transform(metrics.type.begin(), metrics.type.end(), metrics.type.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const std::set<std::string_view> types = {"counter", "gauge", "histogram", "summary",
                                                  "untyped"};
        if (!metrics.type.empty() && !types.contains(metrics.type))
            faults.add(fields.at("type"), "'" + metrics.type + "' is no type of a metric",
                       "types are counter, gauge, histogram, summary and untyped");
        for (const Node& item : fields.list("labels")) {
            const Fields label(item, "a label", {"name", "value", "_links"}, {"name", "value"},
                               faults);
            metrics.labels.emplace_back(label.text("name", rule::some_text),
                                        label.text("value", rule::any_text));
        }
        return metrics;
    }

    const std::string& text_of(const Node& node, const char* key) const {
        if (node.kind != Node::Kind::scalar || !node.quoted)
            throw_fault(file_, node.at,
                        "'" + std::string(key) + "' must be a text, not " + describe(node));
        return node.text;
    }

    void first_of(Faults& faults) const {
        if (faults.list().empty())
            return;
        const Diagnostic& fault = faults.list().front();
        throw_fault(file_, fault.at, fault.message, fault.hint);
    }

    std::string_view text_;
    std::string_view file_;
};

std::string identifier_of(const std::string& name) {
    constexpr std::size_t longest = 63;
    std::string out;
    for (const char c : name) {
        const std::string_view good = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789_-";
        out += good.find(c) != std::string_view::npos ? c : '_';
    }
    if (out.starts_with("-"))
        out.front() = '_';
    if (out.starts_with("__stage_"))
        out.erase(0, 1);
    return out.substr(0, longest);
}

} // namespace

const char* to_string(DocumentShape shape) {
    switch (shape) {
    case DocumentShape::paths:
        return "paths";
    case DocumentShape::flat:
        return "flat";
    case DocumentShape::catalogue:
        return "catalogue";
    case DocumentShape::source:
        return "source";
    }
    return "";
}

const DocumentPath* DynmonDocument::path(Direction direction) const {
    for (const DocumentPath& candidate : paths)
        if (candidate.direction == direction)
            return &candidate;
    return nullptr;
}

DynmonDocument parse_dynmon_document(std::string_view text, std::string_view file) {
    const Node tree = parse_json_tree(text, file, limits::manifest_bytes);
    return Reader(text, file).document(tree);
}

DynmonDocument parse_dynmon_source(std::string_view source, Direction direction,
                                   std::string_view metrics, std::string_view metrics_file) {
    DynmonDocument document;
    document.shape = DocumentShape::source;
    DocumentPath& path = document.paths.emplace_back();
    path.direction = direction;
    path.at = path.code.at = {1, 1};
    path.code.text = with_lf(source);
    path.code.written = source;
    path.code.json = false;
    if (metrics.empty())
        return document;
    const Node tree = parse_json_tree(metrics, metrics_file, limits::manifest_bytes);
    const Node* list = &tree;
    for (const char* key : {"metric-configs", "metrics"})
        if (const Node* inner = child(tree, key))
            list = inner;
    path.metrics = Reader(metrics, metrics_file).metrics(*list);
    return document;
}

std::string canonical_path(const DocumentPath& path) {
    CanonicalJson metrics = CanonicalJson::array();
    for (const DocumentMetric& metric : path.metrics) {
        CanonicalJson item = {
            {"name", metric.name},
            {"map-name", metric.map_name},
            {"extraction-options",
             {{"swap-on-read", metric.swap_on_read}, {"empty-on-read", metric.empty_on_read}}}};
        if (metric.open_metrics) {
            CanonicalJson labels = CanonicalJson::array();
            for (const auto& [name, value] : metric.open_metrics->labels)
                labels.push_back({{"name", name}, {"value", value}});
            item["open-metrics-metadata"] = {{"help", metric.open_metrics->help},
                                             {"type", metric.open_metrics->type},
                                             {"labels", labels}};
        }
        metrics.push_back(std::move(item));
    }
    CanonicalJson canonical = {{"code", path.code.text}, {"metrics", metrics}};
    if (!path.defines.empty())
        canonical["defines"] = path.defines;
    return json_text(canonical);
}

std::string path_digest(const DocumentPath& path) {
    const std::string text = canonical_path(path);
    return sha256_hex(std::as_bytes(std::span(text.data(), text.size())));
}

std::vector<std::string> metric_identifiers(const DocumentPath& path) {
    std::vector<std::string> names;
    std::set<std::string> taken;
    for (const DocumentMetric& metric : path.metrics) {
        const std::string plain = identifier_of(metric.name);
        std::string name = plain;
        for (int i = 2; !taken.insert(name).second; ++i)
            name = plain.substr(0, 58) + "_" + std::to_string(i);
        names.push_back(std::move(name));
    }
    return names;
}

Position code_place(const DocumentCode& code, int line, int column) {
    Position at = code.at;
    int code_line = 1;
    int code_column = 1;
    const std::string_view text = code.written;
    for (std::size_t i = 0; i < text.size();) {
        if (code_line == line && code_column >= column)
            break;
        std::size_t length = 1; // of what stands in the document
        std::size_t bytes = 1;  // that it is in the code
        bool newline = text[i] == '\n';
        if (code.json && text[i] == '\\' && i + 1 < text.size()) {
            length = text[i + 1] == 'u' ? 6 : 2;
            newline = text[i + 1] == 'n';
            if (text[i + 1] == 'r' && text.substr(i + 2, 2) == "\\n")
                bytes = 0; // CR LF is one LF
        } else if (text[i] == '\r') {
            bytes = 0;
        }
        if (newline && code_line == line)
            break; // the column is beyond the line's end
        if (text[i] == '\n') {
            ++at.line;
            at.column = 1;
        } else {
            // Columns of documents count characters: the other bytes of one are no column.
            for (std::size_t k = i; k < std::min(i + length, text.size()); ++k)
                at.column += (static_cast<unsigned char>(text[k]) & 0xc0) != 0x80;
        }
        code_line += newline;
        code_column = newline ? 1 : code_column + static_cast<int>(bytes);
        i += length;
    }
    return at;
}

} // namespace dynmon
