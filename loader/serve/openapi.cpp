// SPDX-License-Identifier: BSD-2-Clause
#include "serve/openapi.hpp"

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/build_info.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "serve/router.hpp"

namespace dynmon::serve {

extern const char* const output_schema; // schema_texts.cpp.in
extern const char* const http_schema;

namespace {

using nlohmann::ordered_json;

// What a route answers and takes, by the names of schemas/.
struct Described {
    Endpoint endpoint;
    const char* summary;
    const char* answer; // "": none; "text": no JSON
    int status;
    const char* body; // "": none
};

constexpr Described described[] = {
    {Endpoint::metrics, "The metrics of all monitors for Prometheus; takes nothing", "text", 200,
     ""},
    {Endpoint::healthy, "Whether the server runs", "text", 200, ""},
    {Endpoint::ready, "Whether the server can open its store", "text", 200, ""},
    {Endpoint::openapi, "This document", "object", 200, ""},
    {Endpoint::monitors, "All monitors", "http-monitors", 200, ""},
    {Endpoint::monitor, "One monitor", "status-monitor", 200, ""},
    {Endpoint::monitor_metrics, "What a monitor has counted; takes nothing", "read", 200, ""},
    {Endpoint::monitor_metric, "What one metric has counted; takes nothing", "read", 200, ""},
    {Endpoint::take_windows, "Closes a window and gives a named reader what waits for it",
     "http-windows", 200, "http-windows-request"},
    {Endpoint::load, "Loads a monitor, or replaces its probe", "load", 201, "http-load-request"},
    {Endpoint::unload, "Unloads a monitor", "", 204, ""},
    {Endpoint::list, "The entries of a deny or allow list", "deny-list", 200, ""},
    {Endpoint::list_add, "Adds prefixes to a list", "deny-add", 200, "http-list-request"},
    {Endpoint::list_remove, "Removes a prefix from a list", "deny-remove", 200, ""},
    {Endpoint::events, "Events as they come; each is taken out", "stream-line", 200, ""},
    {Endpoint::probes, "The installed probes", "http-probes", 200, ""},
    {Endpoint::status, "Monitors, hooks and problems", "status", 200, ""},
    {Endpoint::doctor, "What this machine can do and what is wrong", "doctor", 200, ""},
};

const Described& description_of(Endpoint endpoint) {
    for (const Described& each : described)
        if (each.endpoint == endpoint)
            return each;
    return described[0];
}

void add_schemas(std::string text, ordered_json& schemas) {
    text = replace_all(text, "\"output.schema.json#/$defs/", "\"#/components/schemas/");
    text = replace_all(text, "\"#/$defs/", "\"#/components/schemas/");
    const ordered_json document = ordered_json::parse(text);
    for (const auto& [name, schema] : document.at("$defs").items())
        schemas[name] = schema;
}

ordered_json reference(const std::string& name) {
    return {{"$ref", "#/components/schemas/" + name}};
}

ordered_json json_content(const std::string& schema) {
    return {{"application/json", {{"schema", reference(schema)}}}};
}

ordered_json content_of(const Described& route) {
    const std::string answer = route.answer;
    if (answer == "text")
        return {{"text/plain", {{"schema", {{"type", "string"}}}}}};
    if (route.endpoint == Endpoint::events)
        return {{"application/jsonl", {{"schema", reference(answer)}}},
                {"text/event-stream", {{"schema", {{"type", "string"}}}}}};
    if (answer == "object")
        return {{"application/json", {{"schema", {{"type", "object"}}}}}};
    return json_content(answer);
}

ordered_json parameters_of(const Route& route) {
    ordered_json parameters = ordered_json::array();
    const std::string_view pattern = route.pattern;
    for (std::size_t at = 0; (at = pattern.find('{', at)) != std::string_view::npos; ++at) {
        const std::size_t end = pattern.find('}', at);
        parameters.push_back({{"name", pattern.substr(at + 1, end - at - 1)},
                              {"in", "path"},
                              {"required", true},
                              {"schema", {{"type", "string"}}}});
    }
    for (const char* const name : route.parameters)
        parameters.push_back({{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
    return parameters;
}

ordered_json operation_of(const Route& route) {
    const Described& about = description_of(route.endpoint);
    ordered_json answer{{"description", about.summary}};
    if (*about.answer != '\0')
        answer["content"] = content_of(about);
    ordered_json operation{
        {"summary", about.summary},
        {"description", std::string("Needs the right '") + to_string(route.right) + "'."},
        {"parameters", parameters_of(route)}};
    if (*about.body != '\0')
        operation["requestBody"] = {{"required", true}, {"content", json_content(about.body)}};
    operation["responses"][std::to_string(about.status)] = answer;
    if (route.endpoint == Endpoint::load)
        operation["responses"]["200"] = {{"description", "It was there: its probe is replaced"},
                                         {"content", json_content("replace")}};
    operation["responses"]["default"] = {{"description", "An error"},
                                         {"content", json_content("http-error")}};
    return operation;
}

std::string make_document() {
    ordered_json document{{"openapi", "3.1.0"},
                          {"info", {{"title", "dynmon-serve"}, {"version", build_name()}}}};
    for (const Route& route : all_routes())
        document["paths"][route.pattern][lower_case(route.method)] = operation_of(route);
    ordered_json& schemas = document["components"]["schemas"];
    add_schemas(output_schema, schemas);
    add_schemas(http_schema, schemas);
    return json_text(document) + "\n";
}

} // namespace

const std::string& openapi_document() {
    static const std::string document = make_document();
    return document;
}

} // namespace dynmon::serve
