// SPDX-License-Identifier: BSD-2-Clause
#include "control/selection.hpp"

#include "base/error.hpp"
#include "base/identifier.hpp"

namespace dynmon {

namespace {

[[noreturn]] void throw_nothing_selected(const std::vector<MetricSource>& sources,
                                         const ReadRequest& request) {
    std::vector<std::string> names;
    std::string list;
    for (const MetricSource& source : sources) {
        names.push_back(source.view.name);
        list += std::string(list.empty() ? "" : ", ") + source.view.name + " (" +
                to_string(source.view.direction) + ")";
    }
    const std::string what = request.metric.empty()
                                 ? " has no metric there"
                                 : " has no metric '" + request.metric + "' there";
    const std::string nearest = nearest_name(request.metric, names);
    throw Error(ErrorKind::usage, "monitor '" + request.name + "'" + what)
        .hint(nearest.empty() || nearest == request.metric ? "it has " + list
                                                           : "did you mean '" + nearest + "'?");
}

} // namespace

bool wants(const ReadRequest& request, const MetricSource& source) {
    return (request.metric.empty() || source.view.name == request.metric) &&
           (!request.direction || source.view.direction == *request.direction);
}

std::vector<const MetricSource*> select(const std::vector<MetricSource>& sources,
                                        const ReadRequest& request) {
    std::vector<const MetricSource*> selected;
    for (const MetricSource& source : sources)
        if (wants(request, source))
            selected.push_back(&source);
    if (selected.empty())
        throw_nothing_selected(sources, request);
    return selected;
}

} // namespace dynmon
