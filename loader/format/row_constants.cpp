// SPDX-License-Identifier: BSD-2-Clause
#include "format/row_constants.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "btf/layout.hpp"
#include "format/export_options.hpp"
#include "format/json_document.hpp"

namespace dynmon {

namespace {

// Of CSV and JSON lines, whichever of them a metric has.
constexpr std::string_view own_names[] = {
    "host", "monitor", "device", "namespace", "metric", "direction", "sequence",
    "from", "to",      "key",    "cpu",       "value",  "attached",  "health"};

Error taken(const std::string& name, const std::string& by) {
    return Error(ErrorKind::usage, "--add: '" + name + "' is the name of " + by + " already")
        .hint("choose another name, such as 'my_" + name + "'");
}

void require_other_than(const std::string& name, const Layout& root, const std::string& prefix,
                        const MetricView& metric) {
    for (const std::string& path : leaf_paths(root))
        if (path == name || path.starts_with(name + '.') || path.starts_with(name + '['))
            throw taken(name,
                        "field '" + prefix + '.' + path + "' of metric '" + metric.name + "'");
}

} // namespace

RowConstants::RowConstants(const ExportOptions& options)
    : host_(options.host), added_(options.added), raw_(options.raw),
      wide_as_text_(options.wide_as_text) {}

void RowConstants::begin_document(const std::string& monitor, const Window& window) {
    monitor_ = monitor;
    window_ = window;
}

const CountingPlace* RowConstants::place_of(Direction direction) const {
    for (const CountingPlace& place : places_)
        if (place.direction == direction)
            return &place;
    return places_.empty() ? nullptr : &places_.front(); // a replaced probe had more directions
}

std::vector<RowConstant> RowConstants::source(Direction direction) const {
    if (!host_ || !in_monitor())
        return {};
    const CountingPlace* const place = place_of(direction);
    const auto known = [](std::string_view name, const std::string& value) {
        return RowConstant{name, value,
                           value.empty() ? RowConstant::Kind::unknown : RowConstant::Kind::text};
    };
    return {known("host", *host_), known("monitor", monitor_),
            known("device", place != nullptr ? place->device : ""),
            known("namespace", place != nullptr ? place->netns : "")};
}

std::vector<RowConstant> RowConstants::window() const {
    if (!in_monitor())
        return {};
    std::vector<RowConstant> constants = {
        {"sequence", std::to_string(window_.sequence), RowConstant::Kind::number}};
    if (host_) {
        constants.push_back(time("from", window_.from_ns));
        constants.push_back(time("to", window_.to_ns));
    }
    return constants;
}

RowConstant RowConstants::time(std::string_view name, std::uint64_t ns) const {
    if (ns == 0)
        return {name, "", RowConstant::Kind::unknown};
    if (raw_)
        return {name, std::to_string(ns),
                wide_as_text_ ? RowConstant::Kind::text : RowConstant::Kind::number};
    return {name, time_text(ns), RowConstant::Kind::text};
}

std::vector<RowConstant> RowConstants::added() const {
    std::vector<RowConstant> constants;
    for (const auto& [name, value] : added_)
        constants.push_back({name, value, RowConstant::Kind::text});
    return constants;
}

void require_added(const std::vector<std::pair<std::string, std::string>>& added) {
    for (auto one = added.begin(); one != added.end(); ++one) {
        const std::string& name = require_identifier(one->first, "--add");
        if (std::find(std::begin(own_names), std::end(own_names), name) != std::end(own_names))
            throw taken(name, "a column");
        if (std::any_of(added.begin(), one, [&](const auto& other) { return other.first == name; }))
            throw Error(ErrorKind::usage, "--add: '" + name + "' is there twice")
                .hint("give each name one value");
    }
}

void require_added(const std::vector<std::pair<std::string, std::string>>& added,
                   const MetricView& metric) {
    for (const auto& [name, value] : added) {
        if (metric.key)
            require_other_than(name, *metric.key, "key", metric);
        require_other_than(name, metric.value, "value", metric);
    }
}

} // namespace dynmon
