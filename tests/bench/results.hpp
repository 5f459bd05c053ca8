// SPDX-License-Identifier: BSD-2-Clause
// What was measured: figures with their samples, and the table that shows them.
#pragma once

#include <deque>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace bench {

struct Figure {
    std::string section;
    std::string name;
    std::string unit;
    std::string relative_to;          // name of another figure of the section; "": no ratio
    std::optional<double> target;     // the median is not to be above it
    std::optional<double> most_ratio; // nor its ratio above this
    std::vector<double> samples;

    double median() const;
};

class Results {
public:
    // Makes the figure; a reference stays valid. Figures are shown in the order they are made in.
    Figure& figure(const std::string& section, const std::string& name, const std::string& unit,
                   const std::string& relative_to = {}, std::optional<double> target = {});

    void print(std::ostream& out) const;
    nlohmann::ordered_json json() const;

private:
    std::optional<double> ratio(const Figure& figure) const;
    std::deque<Figure> figures_;
};

} // namespace bench
