// SPDX-License-Identifier: BSD-2-Clause
#include "results.hpp"

#include <algorithm>
#include <cstdio>
#include <ostream>

namespace bench {

namespace {

struct Spread {
    double lowest = 0;
    double highest = 0;
};

Spread spread(const Figure& figure) {
    const auto [low, high] = std::minmax_element(figure.samples.begin(), figure.samples.end());
    return {*low, *high};
}

// Three digits that mean something, whatever the size.
std::string number(double value) {
    char text[32];
    const double size = std::max(value, -value);
    std::snprintf(text, sizeof text, "%.*f", size < 10 ? 2 : size < 100 ? 1 : 0, value);
    return text;
}

const char* verdict(bool met) {
    return met ? "met" : "MISSED";
}

} // namespace

double Figure::median() const {
    std::vector<double> sorted = samples;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

Figure& Results::figure(const std::string& section, const std::string& name,
                        const std::string& unit, const std::string& relative_to,
                        std::optional<double> target) {
    return figures_.emplace_back(Figure{section, name, unit, relative_to, target, {}});
}

std::optional<double> Results::ratio(const Figure& figure) const {
    for (const Figure& other : figures_)
        if (other.section == figure.section && other.name == figure.relative_to)
            return figure.median() / other.median();
    return std::nullopt;
}

void Results::print(std::ostream& out) const {
    std::string section;
    char line[256];
    for (const Figure& figure : figures_) {
        if (figure.section != section) {
            section = figure.section;
            std::snprintf(line, sizeof line, "\n%-46s %9s %9s %9s  %s\n", section.c_str(), "median",
                          "lowest", "highest", "");
            out << line;
        }
        const Spread ends = spread(figure);
        std::snprintf(line, sizeof line, "  %-44s %9s %9s %9s  %s", figure.name.c_str(),
                      number(figure.median()).c_str(), number(ends.lowest).c_str(),
                      number(ends.highest).c_str(), figure.unit.c_str());
        out << line;
        if (const auto times = ratio(figure)) {
            out << "  " << number(*times) << " x " << figure.relative_to;
            if (figure.most_ratio)
                out << "  target " << number(*figure.most_ratio) << ": "
                    << verdict(*times <= *figure.most_ratio);
        }
        if (figure.target)
            out << "  target " << number(*figure.target) << ": "
                << verdict(figure.median() <= *figure.target);
        out << "\n";
    }
}

nlohmann::ordered_json Results::json() const {
    auto list = nlohmann::ordered_json::array();
    for (const Figure& figure : figures_) {
        const Spread ends = spread(figure);
        nlohmann::ordered_json entry{
            {"section", figure.section},      {"name", figure.name},   {"unit", figure.unit},
            {"median", figure.median()},      {"lowest", ends.lowest}, {"highest", ends.highest},
            {"rounds", figure.samples.size()}};
        if (const auto times = ratio(figure)) {
            entry["relative-to"] = figure.relative_to;
            entry["ratio"] = *times;
            if (figure.most_ratio) {
                entry["ratio-target"] = *figure.most_ratio;
                entry["ratio-met"] = *times <= *figure.most_ratio;
            }
        }
        if (figure.target) {
            entry["target"] = *figure.target;
            entry["met"] = figure.median() <= *figure.target;
        }
        list.push_back(entry);
    }
    return list;
}

} // namespace bench
