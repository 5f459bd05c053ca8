// SPDX-License-Identifier: BSD-2-Clause
#include "decode/check.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "btf/map_limits.hpp"
#include "decode/check_metric.hpp"
#include "decode/map_shapes.hpp"
#include "decode/parameter_type.hpp"
#include "object/probe.hpp"

namespace dynmon {

namespace {

class ParameterCheck {
public:
    ParameterCheck(const Object& object, std::vector<Diagnostic>& found)
        : object_(object), found_(found) {}

    void check(const Parameter& parameter) {
        const GlobalInfo* global = object_.global(parameter.name);
        if (global == nullptr)
            return add_missing(parameter);
        try {
            check_values(parameter, ParameterType(object_, *global));
        } catch (const Error& error) {
            found_.push_back({parameter.at, error.what(), error.hint()});
        }
    }

private:
    void add_missing(const Parameter& parameter) {
        std::vector<std::string> known;
        for (const GlobalInfo& global : object_.globals())
            known.push_back(global.name);
        const std::string near = nearest_name(parameter.name, known);
        found_.push_back({parameter.at,
                          "no parameter '" + parameter.name + "' in " + object_.path(),
                          near.empty() ? "a parameter is a global 'const volatile' variable"
                                       : "did you mean '" + near + "'?"});
    }

    std::optional<WideInteger> value(const ParameterType& type, const Parameter& parameter,
                                     const std::optional<std::string>& text, Position at) {
        if (!text)
            return std::nullopt;
        try {
            return type.parse(*text);
        } catch (const Error& error) {
            found_.push_back(
                {at, "parameter '" + parameter.name + "': " + error.what(), error.hint()});
            return std::nullopt;
        }
    }

    void check_values(const Parameter& parameter, const ParameterType& type) {
        const auto preset = value(type, parameter, parameter.preset, parameter.preset_at);
        const auto min = value(type, parameter, parameter.min, parameter.min_at);
        const auto max = value(type, parameter, parameter.max, parameter.max_at);
        const std::string name = "parameter '" + parameter.name + "': ";
        if (min && max && *min > *max)
            found_.push_back({parameter.max_at, name + "the maximum is below the minimum", ""});
        else if (preset && min && *preset < *min)
            found_.push_back({parameter.preset_at, name + "the default is below the minimum", ""});
        else if (preset && max && *preset > *max)
            found_.push_back({parameter.preset_at, name + "the default is above the maximum", ""});
    }

    const Object& object_;
    std::vector<Diagnostic>& found_;
};

void check_program(const Manifest& manifest, const Object& object, const PathConfig& path,
                   HookKind kind, Position at, std::vector<Diagnostic>& found) {
    try {
        select_program(manifest, object, path.direction, kind);
    } catch (const Error& error) {
        found.push_back({at, error.what(), error.hint()});
    }
}

// What is named must be right; what is not named matters for the hook that `load` takes by itself.
void check_programs(const Manifest& manifest, const Object& object, const PathConfig& path,
                    std::vector<Diagnostic>& found) {
    const bool ingress = path.direction == Direction::ingress;
    const bool default_xdp = ingress && manifest.hook == HookKind::xdp;
    if (!path.program.empty() || !default_xdp)
        check_program(manifest, object, path, HookKind::tc,
                      path.program.empty() ? path.at : path.program_at, found);
    if (ingress && (!path.xdp_program.empty() || default_xdp))
        check_program(manifest, object, path, HookKind::xdp,
                      path.xdp_program.empty() ? path.at : path.xdp_program_at, found);
}

// With what is set unless the user says otherwise; what is wrong with a default was said above.
void check_maps(const Manifest& manifest, const Object& object, std::vector<Diagnostic>& found) {
    if (!found.empty())
        return;
    std::vector<MapShape> shapes;
    const std::vector<GlobalValue> presets = manifest.maps.empty()
                                                 ? std::vector<GlobalValue>()
                                                 : resolve_parameters(manifest, object, {});
    for (const MapConfig& map : manifest.maps) {
        try {
            shapes.push_back(resolve_map(map, object, presets));
        } catch (const Error& error) {
            found.push_back({map.at, error.what(), error.hint()});
        }
    }
    for (const MapInfo& map : object.maps())
        if (const std::string fault = map_fault(shaped(map, shapes)); !fault.empty())
            found.push_back({{}, "map '" + map.name + "' " + fault, map_fault_hint});
}

void check_pins(const Object& object, std::vector<Diagnostic>& found) {
    std::map<std::string, std::string> taken; // pin -> map
    for (const MapInfo& map : object.maps()) {
        const auto [other, is_free] = taken.emplace(pin_name(map.name), map.name);
        if (!is_free)
            found.push_back({{},
                             "maps '" + other->second + "' and '" + map.name + "' of " +
                                 object.path() + " would be pinned under one name",
                             "rename the one that is no section"});
    }
}

} // namespace

std::vector<Diagnostic> check_probe(const Manifest& manifest, const Object& object) {
    std::vector<Diagnostic> found;
    ParameterCheck parameters(object, found);
    for (const Parameter& parameter : manifest.parameters)
        parameters.check(parameter);
    check_maps(manifest, object, found);
    check_pins(object, found);
    for (const PathConfig& path : manifest.paths) {
        check_programs(manifest, object, path, found);
        for (const MetricConfig& metric : path.metrics)
            check_metric(metric, object, found);
    }
    std::stable_sort(found.begin(), found.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    return found;
}

} // namespace dynmon
