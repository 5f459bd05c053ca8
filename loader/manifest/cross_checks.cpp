// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/cross_checks.hpp"

#include <map>

#include "base/limits.hpp"
#include "manifest/rules.hpp"

namespace dynmon {

namespace {

// Empty names have been reported where they stand.
template <typename List>
void check_unique(const List& list, const std::string& what, Faults& faults) {
    std::map<std::string, Position> seen;
    for (const auto& item : list) {
        const auto [first, added] = seen.emplace(item.name, item.at);
        if (!added && !item.name.empty())
            faults.add(item.at, "a second " + what + " '" + item.name + "'",
                       "the first is in line " + std::to_string(first->second.line));
    }
}

struct Family {
    std::string name;
    MetricType type = MetricType::untyped;
    std::string unit;
    Position at;
};

// The families of one metric: its series, or the metric itself.
std::vector<Family> families(const MetricConfig& metric) {
    std::vector<Family> list;
    const OpenMetrics& open_metrics = *metric.open_metrics;
    const std::string own_name(without_total(metric.name));
    for (const Series& series : open_metrics.series)
        list.push_back({series.name.empty() ? own_name : series.name,
                        series.type.value_or(open_metrics.type), series.unit, series.at});
    if (open_metrics.series.empty())
        list.push_back({own_name, open_metrics.type, "", metric.at});
    return list;
}

class FamilyCheck {
public:
    explicit FamilyCheck(Faults& faults) : faults_(faults) {}

    void check(const PathConfig& path) {
        std::map<std::string, Position> here;
        for (const MetricConfig& metric : path.metrics) {
            if (!metric.open_metrics || metric.name.empty())
                continue;
            for (const Family& family : families(metric)) {
                check_name(family);
                const auto [first, added] = here.emplace(family.name, family.at);
                if (!added)
                    faults_.add(family.at, "a second series '" + family.name + "'",
                                "the first is in line " + std::to_string(first->second.line));
                check_other_direction(family);
            }
        }
    }

private:
    void check_name(const Family& family) {
        if (!rule::family_name.holds(family.name))
            faults_.add(family.at, "'" + family.name + "' cannot name a series in OpenMetrics",
                        std::string("it ") + rule::family_name.says +
                            "; give each series a 'name'");
        if (!family.unit.empty() && !family.name.ends_with("_" + family.unit))
            faults_.add(family.at,
                        "the unit '" + family.unit + "' does not end the name '" + family.name +
                            "'",
                        "call the series '" + family.name + "_" + family.unit + "'");
    }

    // Both directions are one family in the exposition, told apart by a label.
    void check_other_direction(const Family& family) {
        const auto [first, added] = known_.emplace(family.name, family);
        if (added || (first->second.type == family.type && first->second.unit == family.unit))
            return;
        faults_.add(family.at, "the series '" + family.name +
                                   "' has another type or unit in line " +
                                   std::to_string(first->second.at.line));
    }

    Faults& faults_;
    std::map<std::string, Family> known_;
};

void check_no_label(const OpenMetrics& metrics, const Buckets& buckets, Faults& faults) {
    for (const Label& label : metrics.labels)
        if (!label.field.empty() && label.field == buckets.key)
            faults.add(label.at, "the label '" + label.name + "' is the number of the bucket",
                       "buckets have the label le");
}

// A histogram has buckets, of its own or those of the metric, and nothing else has.
void check_buckets(const MetricConfig& metric, Faults& faults) {
    const OpenMetrics& metrics = *metric.open_metrics;
    std::vector<Series> list = metrics.series;
    if (list.empty())
        list.emplace_back().at = metrics.at;
    bool any = false;
    for (const Series& series : list) {
        const MetricType type = series.type.value_or(metrics.type);
        const auto& buckets = series.buckets ? series.buckets : metrics.buckets;
        any = any || type == MetricType::histogram;
        if (type == MetricType::histogram && !buckets)
            faults.add(series.at, "a histogram needs 'buckets'",
                       "such as buckets: {scale: log2} for an array of counts by power of two");
        if (type != MetricType::histogram && series.buckets)
            faults.add(series.buckets->at, "'buckets' are for a histogram, and this is of type " +
                                               std::string(to_string(type)));
        if (type == MetricType::histogram && buckets)
            check_no_label(metrics, *buckets, faults);
    }
    if (metrics.buckets && !any)
        faults.add(metrics.buckets->at, "'buckets' are for a histogram, and there is none");
}

// A map has one standby or none: what one metric swaps, another cannot leave as it is.
void check_swap(const Manifest& manifest, Faults& faults) {
    std::map<std::string, const MetricConfig*> seen;
    for (const PathConfig& path : manifest.paths) {
        for (const MetricConfig& metric : path.metrics) {
            const auto [first, added] = seen.emplace(metric.map_name, &metric);
            if (!added && !metric.map_name.empty() &&
                first->second->swap_on_read != metric.swap_on_read)
                faults.add(metric.at, "map '" + metric.map_name + "' is swapped by one metric only",
                           "give 'swap-on-read' the same value as the metric in line " +
                               std::to_string(first->second->at.line));
        }
    }
}

void check_number(const Manifest& manifest, Faults& faults) {
    std::size_t count = 0;
    for (const PathConfig& path : manifest.paths)
        for (const MetricConfig& metric : path.metrics)
            if (++count == limits::metrics + 1)
                faults.add(metric.at, "more than " + std::to_string(limits::metrics) + " metrics",
                           "`dump MONITOR/MAP` prints maps without a metric");
}

} // namespace

void check_across(const Manifest& manifest, Faults& faults) {
    check_number(manifest, faults);
    check_unique(manifest.parameters, "parameter", faults);
    FamilyCheck family_check(faults);
    for (const PathConfig& path : manifest.paths) {
        check_unique(path.metrics, "metric", faults);
        for (const MetricConfig& metric : path.metrics) {
            if (metric.open_metrics) {
                check_unique(metric.open_metrics->labels, "label", faults);
                check_buckets(metric, faults);
            }
        }
        family_check.check(path);
    }
    check_swap(manifest, faults);
}

} // namespace dynmon
