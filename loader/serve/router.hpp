// SPDX-License-Identifier: BSD-2-Clause
// The table of what can be asked for. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "serve/request.hpp"

namespace dynmon::serve {

enum class Endpoint {
    metrics,
    healthy,
    ready,
    openapi,
    monitors,
    monitor,
    monitor_metrics,
    monitor_metric,
    take_windows,
    load,
    unload,
    list,
    list_add,
    list_remove,
    events,
    probes,
    status,
    doctor,
    polycube, // all below /polycube/v1 (polycube.hpp)
};

// What a client may do; a token or a group of users has a set of these.
enum class Right { read, consume, load, deny };
const char* to_string(Right right);

struct Route {
    const char* method;  // "GET" answers HEAD too
    const char* pattern; // "/api/v1/monitors/{monitor}"
    Endpoint endpoint;
    Right right;
    std::vector<const char*> parameters; // of the query; others are refused
};

const std::vector<Route>& all_routes();

struct Match {
    const Route* route = nullptr;
    std::map<std::string, std::string> names; // "monitor" → "web": checked

    const std::string& name(const std::string& of) const { return names.at(of); }
};

// Throws HttpError{404}, {405} with Allow, {400} for a name that cannot be one and for a parameter
// that the route does not have.
Match route(const std::string& method, const Target& target);

} // namespace dynmon::serve
