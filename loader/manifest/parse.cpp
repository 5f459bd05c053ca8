// SPDX-License-Identifier: BSD-2-Clause
// Document → Manifest, section by section: metrics are in parse_metric.cpp, what concerns several
// keys at once in agreement.cpp.
#include <algorithm>
#include <tuple>

#include "base/error.hpp"
#include "manifest/cross_checks.hpp"
#include "manifest/fields.hpp"
#include "manifest/manifest.hpp"
#include "manifest/parse_metric.hpp"
#include "manifest/powers.hpp"
#include "manifest/rules.hpp"

namespace dynmon {

namespace {

constexpr std::int64_t most_entries = 0xffffffff; // of a map

PathConfig read_path(const Node& node, Direction direction, Faults& faults) {
    const bool ingress = direction == Direction::ingress;
    Fields::Names known = {"name", "program", "metric-configs"};
    if (ingress)
        known.insert(known.begin() + 2, "xdp-program");
    const Fields fields(node, ingress ? "ingress-path" : "egress-path", known, {}, faults);
    PathConfig path;
    path.at = node.at;
    path.direction = direction;
    path.name = fields.text("name", rule::any_text);
    path.program = fields.text("program", rule::c_name);
    path.program_at = fields.at("program");
    if (ingress) {
        path.xdp_program = fields.text("xdp-program", rule::c_name);
        path.xdp_program_at = fields.at("xdp-program");
    }
    for (const Node& item : fields.list("metric-configs"))
        path.metrics.push_back(read_metric(item, faults));
    return path;
}

Parameter read_parameter(const Node& node, Faults& faults) {
    const Fields fields(node, "a parameter", {"name", "help", "default", "min", "max"}, {"name"},
                        faults);
    Parameter parameter;
    parameter.at = node.at;
    parameter.name = fields.text("name", rule::c_name);
    parameter.help = fields.text("help", rule::some_text);
    parameter.preset = fields.literal("default");
    parameter.preset_at = fields.at("default");
    parameter.min = fields.literal("min");
    parameter.min_at = fields.at("min");
    parameter.max = fields.literal("max");
    parameter.max_at = fields.at("max");
    return parameter;
}

MapConfig read_map(const Node::Key& key, const Node& node, Faults& faults) {
    const Fields fields(node, "a map", {"max-entries", "type"}, {}, faults);
    MapConfig map{.name = key.text};
    map.at = key.at;
    if (!rule::c_name.holds(map.name))
        faults.add(map.at, "'" + map.name + "' " + rule::c_name.says);
    const Node* entries = fields.find("max-entries");
    if (entries != nullptr && scalar_type(*entries) == ScalarType::integer) {
        if (const auto number = fields.whole("max-entries", 1, most_entries))
            map.max_entries = {std::to_string(*number)};
    } else if (entries != nullptr) {
        if (const std::string text = fields.text("max-entries", rule::product); !text.empty())
            map.max_entries = factors_of(text);
    }
    map.max_entries_at = fields.at("max-entries");
    map.type = fields.text("type", rule::c_name);
    map.type_at = fields.at("type");
    return map;
}

std::vector<MapConfig> read_maps(const Fields& fields) {
    std::vector<MapConfig> maps;
    const Node* node = fields.find("maps");
    if (node == nullptr)
        return maps;
    if (node->kind != Node::Kind::mapping)
        fields.faults().add(node->at, "'maps' must be a mapping, not " + describe(*node));
    for (std::size_t i = 0; i < node->keys.size(); ++i)
        maps.push_back(read_map(node->keys[i], node->items[i], fields.faults()));
    return maps;
}

std::set<Power> read_may(const Fields& fields) {
    std::set<Power> may = with_implied(read_powers(fields, "may"));
    const std::optional<bool> drop = fields.choice("verdict", verdict_choices);
    if (drop == std::optional(false) && may.contains(Power::drop))
        fields.faults().add(fields.at("may"), "'may' contradicts 'verdict: pass'",
                            "drop and redirect take packets away: leave 'verdict' out");
    if (drop == std::optional(true))
        may.insert(Power::drop);
    return may;
}

Manifest read_manifest(const Node& root, Faults& faults) {
    const Fields fields(root, "the manifest",
                        {"name", "description", "object", "hook", "xdp", "verdict", "may",
                         "parameters", "maps", "ingress-path", "egress-path"},
                        {"name"}, faults);
    Manifest manifest;
    manifest.name = fields.text("name", rule::identifier);
    manifest.description = fields.text("description", rule::any_text);
    manifest.object = fields.text("object", rule::file_name);
    manifest.hook = fields.choice("hook", hook_choices).value_or(manifest.hook);
    if (const Node* node = fields.find("xdp")) {
        const Fields xdp(*node, "xdp", {"mode", "fallback"}, {}, faults);
        manifest.xdp_mode = xdp.choice("mode", xdp_mode_choices).value_or(manifest.xdp_mode);
        manifest.xdp_fallback_generic = xdp.choice("fallback", fallback_choices).value_or(false);
    }
    manifest.may = read_may(fields);
    for (const Node& item : fields.list("parameters"))
        manifest.parameters.push_back(read_parameter(item, faults));
    manifest.maps = read_maps(fields);
    if (const Node* node = fields.find("ingress-path"))
        manifest.paths.push_back(read_path(*node, Direction::ingress, faults));
    if (const Node* node = fields.find("egress-path"))
        manifest.paths.push_back(read_path(*node, Direction::egress, faults));
    if (root.kind == Node::Kind::mapping && !fields.mentions("ingress-path") &&
        !fields.mentions("egress-path"))
        faults.add(root.at, "the manifest has neither 'ingress-path' nor 'egress-path'");
    return manifest;
}

} // namespace

ParsedManifest parse_manifest(std::string_view text) {
    ParsedManifest parsed;
    Faults faults;
    if (const auto root = parse_document(text, faults.list())) {
        parsed.manifest = read_manifest(*root, faults);
        check_across(parsed.manifest, faults);
        if (parsed.manifest.object.empty())
            parsed.manifest.object = parsed.manifest.name + ".bpf.o";
    }
    parsed.diagnostics = std::move(faults.list());
    const auto place = [](const Diagnostic& d) { return std::tuple(d.at.line, d.at.column); };
    std::stable_sort(parsed.diagnostics.begin(), parsed.diagnostics.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
    return parsed;
}

Manifest require_manifest(std::string_view text, std::string_view file) {
    ParsedManifest parsed = parse_manifest(text);
    if (parsed.diagnostics.empty())
        return std::move(parsed.manifest);
    const Diagnostic& first = parsed.diagnostics.front();
    std::string message = place_text(file, first.at) + ": " + first.message;
    if (parsed.diagnostics.size() > 1)
        message += " (and " + std::to_string(parsed.diagnostics.size() - 1) + " more)";
    throw Error(ErrorKind::usage, message).hint(first.hint);
}

} // namespace dynmon
