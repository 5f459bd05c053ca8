#include "manifest/agreement.hpp"

#include <map>

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
        if (!family_name.holds(family.name))
            faults_.add(family.at, "'" + family.name + "' cannot name a series in OpenMetrics",
                        std::string("it ") + family_name.says + "; give each series a 'name'");
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

} // namespace

void check_agreement(const Manifest& manifest, Faults& faults) {
    check_unique(manifest.parameters, "parameter", faults);
    FamilyCheck family_check(faults);
    for (const PathConfig& path : manifest.paths) {
        check_unique(path.metrics, "metric", faults);
        for (const MetricConfig& metric : path.metrics) {
            if (metric.open_metrics)
                check_unique(metric.open_metrics->labels, "label", faults);
        }
        family_check.check(path);
    }
    check_swap(manifest, faults);
}

} // namespace dynmon
