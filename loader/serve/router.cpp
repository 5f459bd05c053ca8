// SPDX-License-Identifier: BSD-2-Clause
#include "serve/router.hpp"

#include <algorithm>
#include <string_view>

#include "base/identifier.hpp"
#include "base/text.hpp"

namespace dynmon::serve {

namespace {

std::vector<std::string> segments_of(std::string_view pattern) {
    std::vector<std::string> segments;
    while (!pattern.empty()) {
        pattern.remove_prefix(1); // '/'
        const std::size_t end = std::min(pattern.find('/'), pattern.size());
        segments.emplace_back(pattern.substr(0, end));
        pattern.remove_prefix(end);
    }
    return segments;
}

bool is_name(const std::string& segment) {
    return segment.front() == '{';
}

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
    return pattern.size() == path.size() &&
           std::equal(
               pattern.begin(), pattern.end(), path.begin(),
               [](const std::string& a, const std::string& b) { return is_name(a) || a == b; });
}

std::map<std::string, std::string> names_in(const std::vector<std::string>& pattern,
                                            const std::vector<std::string>& path) {
    std::map<std::string, std::string> names;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (!is_name(pattern[i]))
            continue;
        const std::string name = pattern[i].substr(1, pattern[i].size() - 2);
        if (name == "list" && path[i] != "deny" && path[i] != "allow")
            throw HttpError(404, "there is no list '" + path[i] + "'", name, "deny or allow");
        if (!is_identifier(path[i]))
            throw HttpError(400, "'" + path[i] + "' is no name", name,
                            "a name has 1 to 63 letters, digits, '_' and '-'");
        names[name] = path[i];
    }
    return names;
}

void require_parameters(const Route& route, const Target& target) {
    for (const auto& [name, value] : target.query)
        if (std::find(route.parameters.begin(), route.parameters.end(), name) ==
            route.parameters.end())
            throw HttpError(400, "there is no parameter '" + name + "' here", name,
                            nearest_name(name, {route.parameters.begin(), route.parameters.end()}));
}

} // namespace

const char* to_string(Right right) {
    switch (right) {
    case Right::read:
        return "read";
    case Right::consume:
        return "consume";
    case Right::load:
        return "load";
    case Right::deny:
        return "deny";
    }
    return "read";
}

const std::vector<Route>& all_routes() {
    static const std::vector<const char*> shape{"direction", "where", "sort",  "top",
                                                "columns",   "rate",  "format"};
    static const std::vector<Route> routes{
        {"GET", "/metrics", Endpoint::metrics, Right::read, {"monitor"}},
        {"GET", "/-/healthy", Endpoint::healthy, Right::read, {}},
        {"GET", "/-/ready", Endpoint::ready, Right::read, {}},
        {"GET", "/api/v1/openapi.json", Endpoint::openapi, Right::read, {}},
        {"GET", "/api/v1/status", Endpoint::status, Right::read, {}},
        {"GET", "/api/v1/doctor", Endpoint::doctor, Right::read, {}},
        {"GET", "/api/v1/probes", Endpoint::probes, Right::read, {}},
        {"GET", "/api/v1/monitors", Endpoint::monitors, Right::read, {}},
        {"GET", "/api/v1/monitors/{monitor}", Endpoint::monitor, Right::read, {}},
        {"PUT", "/api/v1/monitors/{monitor}", Endpoint::load, Right::load, {}},
        {"DELETE", "/api/v1/monitors/{monitor}", Endpoint::unload, Right::load, {}},
        {"GET", "/api/v1/monitors/{monitor}/metrics", Endpoint::monitor_metrics, Right::read,
         shape},
        {"GET", "/api/v1/monitors/{monitor}/metrics/{metric}", Endpoint::monitor_metric,
         Right::read, shape},
        {"POST", "/api/v1/monitors/{monitor}/windows", Endpoint::take_windows, Right::consume, {}},
        {"GET", "/api/v1/monitors/{monitor}/lists/{list}", Endpoint::list, Right::read, {}},
        {"POST", "/api/v1/monitors/{monitor}/lists/{list}", Endpoint::list_add, Right::deny, {}},
        {"DELETE",
         "/api/v1/monitors/{monitor}/lists/{list}",
         Endpoint::list_remove,
         Right::deny,
         {"prefix"}},
        {"GET",
         "/api/v1/monitors/{monitor}/events/{map}",
         Endpoint::events,
         Right::consume,
         {"where", "columns", "count"}},
    };
    return routes;
}

Match route(const std::string& method, const Target& target) {
    const std::string asked = method == "HEAD" ? "GET" : method;
    std::string allowed;
    for (const Route& each : all_routes()) {
        const std::vector<std::string> pattern = segments_of(each.pattern);
        if (!fits(pattern, target.segments))
            continue;
        if (each.method != asked) {
            allowed += (allowed.empty() ? "" : ", ") + std::string(each.method);
            continue;
        }
        Match match{.route = &each, .names = names_in(pattern, target.segments)};
        require_parameters(each, target);
        return match;
    }
    if (!allowed.empty())
        throw HttpError(405, "'" + printable_line(method, 20) + "' is not for " + target.path(),
                        "method")
            .with("Allow", allowed);
    throw HttpError(404, "there is nothing at " + target.path(), "path",
                    "/metrics, or what /api/v1/openapi.json lists");
}

} // namespace dynmon::serve
