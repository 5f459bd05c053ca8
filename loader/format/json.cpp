// SPDX-License-Identifier: BSD-2-Clause
// The `json` exporter: a window with typed values, per-CPU values merged as the manifest says.
#include <set>
#include <string_view>

#include "base/map_type.hpp"
#include "decode/text.hpp"
#include "format/export_options.hpp"
#include "format/json_document.hpp"

namespace dynmon {

namespace {

class JsonExporter final : public JsonDocument {
public:
    JsonExporter(const ExportOptions& options, Sink& sink)
        : JsonDocument(options, options.raw ? Style::raw : Style::decoded, sink),
          build_(options.build), added_(options.added) {}

    void counts_at(const std::vector<CountingPlace>& places) override { places_ = places; }

private:
    void describe(const std::string& monitor, const Window& window, std::string& out) override {
        if (!build_.empty()) {
            out += "\"dynmon\":";
            append_json_string(build_, out);
            out += ',';
        }
        out += "\"monitor\":";
        append_json_string(monitor, out);
        out += ",\"generation\":" + std::to_string(window.generation);
        out += ",\"window\":{\"sequence\":" + std::to_string(window.sequence);
        out += ",\"from\":";
        time(window.from_ns, out);
        out += ",\"to\":";
        time(window.to_ns, out);
        out += "},";
        added(out);
        attached(out);
    }

    void added(std::string& out) const {
        if (added_.empty())
            return;
        out += "\"added\":{";
        for (const auto& [name, value] : added_) {
            append_json_string(name, out);
            out += ':';
            append_json_string(value, out);
            out += &name == &added_.back().first ? "}," : ",";
        }
    }

    // {"ingress":true}: of a direction with several hooks, whether packets reach all of them.
    void attached(std::string& out) const {
        if (places_.empty())
            return;
        out += "\"attached\":{";
        bool first = true;
        for (const Direction direction : {Direction::ingress, Direction::egress}) {
            std::optional<bool> all;
            bool any = false;
            for (const CountingPlace& place : places_) {
                if (place.direction != direction)
                    continue;
                all = any ? worse(all, place.attached) : place.attached;
                any = true;
            }
            if (!any)
                continue;
            out += first ? "\"" : ",\"";
            first = false;
            out += std::string(to_string(direction)) + "\":" +
                   (!all   ? "null"
                    : *all ? "true"
                           : "false");
        }
        out += "},";
        health(out);
    }

    // Why, hook by hook, in the words of `status`: {"tc-ingress":"attached"}.
    void health(std::string& out) const {
        std::set<std::string_view> hooks;
        out += "\"health\":{";
        for (const CountingPlace& place : places_) {
            if (place.health.empty() || !hooks.insert(place.hook).second)
                continue;
            if (hooks.size() > 1)
                out += ',';
            append_json_string(place.hook, out);
            out += ':';
            append_json_string(place.health, out);
        }
        out += "},";
    }

    static std::optional<bool> worse(std::optional<bool> one, std::optional<bool> other) {
        if (one == false || other == false)
            return false;
        return one && other ? one : std::nullopt;
    }

    void time(std::uint64_t ns, std::string& out) const {
        if (!raw() || ns == 0) // null: not known
            append_json_time(ns, out);
        else if (wide_as_text())
            out += '"' + std::to_string(ns) + '"';
        else
            out += std::to_string(ns);
    }

    void describe(const MetricView& metric, std::string& out) override {
        out += ",\"map\":";
        append_json_string(metric.map_name, out);
        out += ",\"type\":";
        append_json_string(map_type_name(metric.map_type), out);
        if (metric.max_entries != 0)
            out += ",\"max-entries\":" + std::to_string(metric.max_entries);
        if (metric.same_as)
            out += std::string(",\"same-as\":\"") + to_string(*metric.same_as) + '"';
    }

    JsonShape shape(const MetricView& metric) const override {
        return {.keyed = !(is_array_like(metric.map_type) && metric.whole) &&
                         !is_queue_like(metric.map_type),
                .list_cpus = metric.merge == Merge::none,
                .null_if_empty = false,
                .wide_as_text = wide_as_text()};
    }

    std::string build_;
    std::vector<std::pair<std::string, std::string>> added_;
    std::vector<CountingPlace> places_;
};

} // namespace

std::unique_ptr<Exporter> make_json_exporter(const ExportOptions& options, Sink& sink) {
    return std::make_unique<JsonExporter>(options, sink);
}

} // namespace dynmon
