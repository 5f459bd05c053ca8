// SPDX-License-Identifier: BSD-2-Clause
#include "serve/polycube.hpp"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/json_text.hpp"
#include "control/chain_lookup.hpp"
#include "control/load.hpp"
#include "control/read.hpp"
#include "format/export_options.hpp"
#include "import/document.hpp"
#include "kernel/device.hpp"
#include "object/allow_list.hpp"
#include "object/probe.hpp"
#include "policy/checked_probe.hpp"
#include "serve/body.hpp"
#include "serve/cubes.hpp"
#include "serve/documents.hpp"
#include "serve/firewall.hpp"
#include "serve/snapshots.hpp"

namespace dynmon::serve {

namespace {

using Json = nlohmann::ordered_json;
using Path = std::vector<std::string>;

constexpr const char* base = "/polycube/v1/";
constexpr std::size_t base_segments = 2;

Reply json_reply(const Json& document, int status = 200) {
    return {.status = status, .text = json_text(document)};
}

Reply nothing(int status) {
    return {.status = status, .text = ""};
}

[[noreturn]] void throw_absent(const Path& path) {
    std::string where;
    for (const std::string& segment : path)
        where += "/" + segment;
    throw HttpError(404, "there is nothing at " + where, "path");
}

// Links, as Polycube puts them at the end of what has parts

Json links_to(const std::string& where, const std::vector<std::string>& parts) {
    Json links = Json::array({{{"rel", "self"}, {"href", where}}});
    for (const std::string& part : parts)
        links.push_back({{"rel", part}, {"href", where + "/" + part}});
    return links;
}

// A list whose entries have names.
Json ending_with_links(Json list, const std::string& where) {
    std::vector<std::string> names;
    for (const Json& entry : list)
        names.push_back(entry.at("name").get<std::string>());
    list.push_back(Json::array({"_links", links_to(where, names)}));
    return list;
}

// Below a path: a leaf, or a list by the names of its entries.
Json leaf_of(Json node, const Path& path, std::size_t from) {
    for (std::size_t i = from; i < path.size(); ++i) {
        if (node.is_object() && node.contains(path[i])) {
            node = Json(node.at(path[i]));
            continue;
        }
        if (!node.is_array())
            throw_absent(path);
        const auto found = std::find_if(node.begin(), node.end(), [&](const Json& entry) {
            return entry.is_object() && entry.value("name", "") == path[i];
        });
        if (found == node.end())
            throw_absent(path);
        node = Json(*found);
    }
    return node;
}

// Documents

Json echo_of(const DocumentPath& path) {
    Json metrics = Json::array();
    for (const DocumentMetric& metric : path.metrics) {
        Json entry = {
            {"name", metric.name},
            {"map-name", metric.map_name},
            {"extraction-options",
             {{"swap-on-read", metric.swap_on_read}, {"empty-on-read", metric.empty_on_read}}}};
        if (metric.open_metrics) {
            Json& open = entry["open-metrics-metadata"] = {{"help", metric.open_metrics->help},
                                                           {"type", metric.open_metrics->type}};
            for (const auto& [name, value] : metric.open_metrics->labels)
                open["labels"].push_back({{"name", name}, {"value", value}});
        }
        metrics.push_back(std::move(entry));
    }
    return {{"name", path.name}, {"code", path.code.text}, {"metric-configs", std::move(metrics)}};
}

DynmonDocument parse_document(const std::string& text) {
    try {
        return parse_dynmon_document(text, "document");
    } catch (const Error& error) {
        throw HttpError(400, error.what(), "", error.hint());
    }
}

Json echo_of(const DynmonDocument& document) {
    Json echo = Json::object();
    for (const DocumentPath& path : document.paths)
        echo[std::string(to_string(path.direction)) + "-path"] = echo_of(path);
    return echo;
}

// Metrics

struct CubeMetrics {
    const Cube& cube;
    DynmonDocument document; // of what runs; without paths: there is none
    bool peek = false;       // else what the document empties is taken
};

// A client has no way to ask for the last window of a document that it has replaced: Polycube threw
// it away, and its metrics may have other names.
void forget_replaced(const Settings& settings, const std::string& name) {
    const Store store = settings.open_store(false);
    const ExportOptions output{.format = format_of("dynmon")};
    const ReadRequest request{.name = name, .output = &output}; // takes one window at a time
    constexpr int most = 4;                                     // two generations, each side once
    for (int i = 0; i < most && !retired_generations(store, name).empty(); ++i) {
        Sink nowhere(-1);
        read_monitor(settings, request, nowhere);
    }
}

// Polycube's names, which are any text, for those of the manifest.
void name_as_document(Json& metrics, const DynmonDocument& document, Direction direction,
                      const std::string& where) {
    const DocumentPath* const path = document.path(direction);
    if (path == nullptr)
        return;
    const std::vector<std::string> known = metric_identifiers(*path);
    for (Json& metric : metrics) {
        const auto found =
            std::find(known.begin(), known.end(), metric.at("name").get<std::string>());
        if (found == known.end())
            continue;
        const std::string& name =
            path->metrics[static_cast<std::size_t>(found - known.begin())].name;
        metric["name"] = name;
        metric["_links"] = links_to(where + "/" + name, {"value", "timestamp"});
    }
}

std::string list_name(Direction direction) {
    return std::string(to_string(direction)) + "-metrics";
}

// What was read, with the lists of both directions. A cube that is nowhere has counted nothing.
Json read(const Settings& settings, const CubeMetrics& asked, std::optional<Direction> direction,
          const std::string& metric) {
    const Cube& cube = asked.cube;
    Json result = Json::object();
    if (is_known(settings, cube.name)) {
        if (!cube.next.empty() && !asked.peek)
            forget_replaced(settings, cube.name); // a change that was killed did not get to it
        const ExportOptions output{.format = format_of("dynmon")};
        ReadRequest request{.name = cube.name,
                            .metric = metric,
                            .direction = direction,
                            .output = &output,
                            .peek = asked.peek};
        Sink sink(-1);
        read_monitor(settings, request, sink);
        result = Json::parse(sink.buffer());
    }
    const std::string where = "/polycube/v1/dynmon/" + cube.name + "/metrics/";
    for (const Direction each : {Direction::ingress, Direction::egress}) {
        Json& list = result[list_name(each)];
        if (list.is_null())
            list = Json::array();
        name_as_document(list, asked.document, each, where + list_name(each));
    }
    return result;
}

std::string metric_named(const DynmonDocument& document, Direction direction,
                         const std::string& name, const Path& path) {
    if (const DocumentPath* const known = document.path(direction))
        for (std::size_t i = 0; i < known->metrics.size(); ++i)
            if (known->metrics[i].name == name)
                return metric_identifiers(*known)[i];
    throw_absent(path);
}

// dynmon/N/metrics[/D-metrics[/M[/value|timestamp]]]
Json cube_metrics(const Settings& settings, const CubeMetrics& asked, const Path& path,
                  const std::string& where) {
    const DynmonDocument& shown = asked.document;
    if (path.size() == 3) {
        Json metrics = read(settings, asked, std::nullopt, "");
        metrics["_links"] = links_to(where, {"ingress-metrics", "egress-metrics"});
        return metrics;
    }
    const std::string& list = path[3];
    if (list != list_name(Direction::ingress) && list != list_name(Direction::egress))
        throw_absent(path);
    const Direction direction =
        list == list_name(Direction::ingress) ? Direction::ingress : Direction::egress;
    if (path.size() == 4)
        return ending_with_links(shown.path(direction) != nullptr
                                     ? read(settings, asked, direction, "").at(list)
                                     : Json::array(),
                                 where);
    const bool is_leaf = path.size() == 6 && (path[5] == "value" || path[5] == "timestamp");
    if (path.size() > 5 && !is_leaf)
        throw_absent(path); // before anything is taken
    const std::string identifier = metric_named(shown, direction, path[4], path);
    const Json metrics = read(settings, asked, direction, identifier).at(list);
    const Json metric = metrics.empty()
                            ? Json{{"name", path[4]}, {"value", nullptr}, {"timestamp", 0}}
                            : metrics.front();
    return is_leaf ? metric.at(path[5]) : metric;
}

// Totals, for which nothing is taken.
std::string cube_open_metrics(const Settings& settings, const Cube& cube) {
    if (!is_known(settings, cube.name))
        return "";
    const ExportOptions output{.format = format_of("prometheus")};
    Sink sink(-1);
    read_monitor(settings, {.name = cube.name, .output = &output, .peek = true}, sink);
    return std::string(sink.buffer());
}

// Cubes and monitors

struct Hooked {
    HookKind kind = HookKind::tc;
    std::optional<XdpMode> mode;
};

Hooked hooked(const Cube& cube) {
    if (cube.type == "XDP_SKB")
        return {HookKind::xdp, XdpMode::generic};
    if (cube.type == "XDP_DRV")
        return {HookKind::xdp, XdpMode::native};
    return {};
}

// A message of the verifier that ends in "@ ingress.c:6", with where that stands in the document
// that the client sent.
std::string with_place(const std::string& message, const DynmonDocument* document) {
    if (document == nullptr)
        return message;
    for (const DocumentPath& path : document->paths) {
        const std::string direction = to_string(path.direction);
        const std::string mark = "@ " + direction + ".c:";
        const std::size_t at = message.find(mark);
        if (at == std::string::npos)
            continue;
        const int line =
            static_cast<int>(std::strtol(message.c_str() + at + mark.size(), nullptr, 10));
        return place_text("document", code_place(path.code, line, 1)) + ": " + direction +
               "-path, line " + std::to_string(line) + " of its code: " + message;
    }
    return message;
}

// What does not load is a fault of the request, as it was to Polycube's clients. `sent`: the
// document in it.
template <typename Action>
auto as_fault_of_request(Action&& action, const DynmonDocument* sent = nullptr) {
    try {
        return action();
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::busy)
            throw;
        throw HttpError(400, with_place(error.what(), sent), "", error.hint());
    }
}

// One request, with what it is about

class Shim {
public:
    Shim(const Settings& settings, const std::string& folder, DocumentProbes& probes,
         const Request& request)
        : settings_(settings), cubes_(folder), probes_(probes), request_(request),
          path_(request.target.segments.begin() + base_segments, request.target.segments.end()) {}

    Reply answer();

private:
    Reply about_cube(const std::string& name);
    Reply about_document(Cube cube);
    Reply about_path(Cube cube);
    void change_path(Cube& cube);
    void remove_document(Cube& cube);
    Reply about_metrics(const Cube& cube) const;

    Reply list_cubes(const std::string& service) const;
    Reply create(const std::string& service, const std::string& name);
    void attach_firewall(const Cube& cube, const Placement& placement) const;
    Reply about_firewall(const std::string& name);
    Reply attach();
    Reply detach();
    Reply redirect() const;

    Cube cube_of(const std::string& name) const;
    Cube cube_of(const std::string& service, const std::string& name) const;
    Json show(const Cube& cube) const;
    std::string parent_of(const Cube& cube) const;
    bool is_loaded(const std::string& name) const { return is_known(settings_, name); }
    void unload(const std::string& name) const;
    LoadRequest placed(const Cube& cube) const;
    void settle(Cube& cube) const;
    void set_document(Cube& cube, const std::string& text);
    void exchange(const Cube& cube, const Probe& probe) const;
    void load(const Cube& cube, const Probe& probe, const Placement& placement) const;
    // The document of what runs, whichever a change that was killed has left.
    std::optional<DynmonDocument> running_document(const Cube& cube) const;

    void require_method(std::initializer_list<const char*> methods) const;
    std::string here() const { return request_.target.path(); }

    const Settings& settings_;
    Cubes cubes_;
    DocumentProbes& probes_;
    const Request& request_;
    Path path_; // below /polycube/v1
};

void Shim::require_method(std::initializer_list<const char*> methods) const {
    std::string allowed;
    for (const char* const method : methods) {
        if (request_.method == method)
            return;
        allowed += (allowed.empty() ? "" : ", ") + std::string(method);
    }
    throw HttpError(405, "'" + request_.method + "' is not for this", "method")
        .with("Allow", allowed);
}

void Shim::unload(const std::string& name) const {
    if (is_loaded(name))
        unload_monitor(settings_, name);
}

Cube Shim::cube_of(const std::string& name) const {
    if (auto cube = cubes_.find(name))
        return std::move(*cube);
    throw HttpError(404, "there is no cube '" + name + "'", "path");
}

Cube Shim::cube_of(const std::string& service, const std::string& name) const {
    Cube cube = cube_of(name);
    if (cube.service != service)
        throw HttpError(404, "cube '" + name + "' is of service " + cube.service, "path");
    return cube;
}

// "": it is nowhere. Clients fail where there is none.
std::string Shim::parent_of(const Cube& cube) const {
    const bool runs = cube.service == "firewall" || !cube.document.empty();
    return !runs || is_loaded(cube.name) ? cube.port : "";
}

std::optional<DynmonDocument> Shim::running_document(const Cube& cube) const {
    if (!cube.next.empty() && is_loaded(cube.name)) {
        const Store store = settings_.open_store(false);
        const GenerationRecord record = current_generation(store, cube.name).read_record();
        DynmonDocument next = parse_document(cube.next);
        if (is_made_of(record.manifest.imported, next))
            return next;
    }
    if (cube.document.empty())
        return std::nullopt;
    return parse_document(cube.document);
}

// A change that failed or was killed is over.
void Shim::settle(Cube& cube) const {
    const auto running = running_document(cube);
    cube.document = running ? json_text(echo_of(*running)) : "";
    cube.next.clear();
}

Json Shim::show(const Cube& cube) const {
    const std::string digest = sha256_hex(std::as_bytes(std::span(cube.name)));
    const std::string uuid = digest.substr(0, 8) + "-" + digest.substr(8, 4) + "-4" +
                             digest.substr(13, 3) + "-8" + digest.substr(17, 3) + "-" +
                             digest.substr(20, 12);
    const std::string where = std::string(base) + cube.service + "/" + cube.name;
    Json shown = {{"name", cube.name},
                  {"uuid", uuid},
                  {"service-name", cube.service},
                  {"type", cube.type},
                  {"loglevel", cube.loglevel},
                  {"parent", parent_of(cube)}};
    if (cube.service == "dynmon") {
        const auto document = running_document(cube);
        shown["dataplane-config"] = document ? echo_of(*document) : Json::object();
        shown["_links"] = links_to(where, {"dataplane-config", "metrics", "open-metrics"});
    } else {
        shown["_links"] = links_to(where, {"chain"});
    }
    return shown;
}

Reply Shim::list_cubes(const std::string& service) const {
    Json list = Json::array();
    for (const std::string& name : cubes_.names())
        if (const auto cube = cubes_.find(name); cube && cube->service == service)
            list.push_back(show(*cube));
    return json_reply(ending_with_links(std::move(list), base + service));
}

Reply Shim::create(const std::string& service, const std::string& name) {
    if (!is_identifier(name))
        throw HttpError(400, "'" + name + "' is no name", "path",
                        "a name has 1 to 63 letters, digits, '_' and '-'");
    if (cubes_.find(name))
        throw HttpError(409, "there is a cube '" + name + "' already", "path");
    if (is_loaded(name))
        throw HttpError(409, "there is a monitor '" + name + "' that is no cube", "path",
                        "unload it, or take another name");
    Body given(request_.body);
    Cube cube{.name = name,
              .service = service,
              .type = given.word("type", {"TC", "XDP_SKB", "XDP_DRV"}, "TC"),
              .loglevel = given.text("loglevel", "INFO")};
    if (service == "dynmon" && (given.has("dataplane-config") || given.has("dataplane"))) {
        const DynmonDocument document = parse_document(request_.body);
        const Probe probe =
            as_fault_of_request([&] { return probes_.open(document, request_.body); });
        as_fault_of_request([&] { verify_probe(probe, hooked(cube).kind, {}, ""); }, &document);
        cube.document = json_text(echo_of(document));
    }
    cubes_.save(cube);
    return nothing(201);
}

LoadRequest Shim::placed(const Cube& cube) const {
    LoadRequest request{.name = cube.name, .device = cube.port};
    request.hook = hooked(cube).kind;
    request.mode = hooked(cube).mode;
    return request;
}

void Shim::load(const Cube& cube, const Probe& probe, const Placement& placement) const {
    LoadRequest request = placed(cube);
    request.placement = placement;
    load_monitor(settings_, probe, request);
}

void Shim::set_document(Cube& cube, const std::string& text) {
    const DynmonDocument document = parse_document(text);
    const Probe probe = as_fault_of_request([&] { return probes_.open(document, text); });
    settle(cube);
    cube.next = json_text(echo_of(document));
    cubes_.save(cube);
    // On an error `next` stays: see Cube.
    as_fault_of_request([&] { exchange(cube, probe); }, &document);
    cube.document = std::exchange(cube.next, "");
    cubes_.save(cube);
}

// Puts the probe where the cube is. What the verifier refuses leaves all as it was.
void Shim::exchange(const Cube& cube, const Probe& probe) const {
    if (is_loaded(cube.name)) {
        const LoadRequest place = placed(cube);
        ReplaceRequest request{.name = cube.name};
        request.place = &place;
        if (replace_monitor(settings_, probe, request).unread)
            forget_replaced(settings_, cube.name);
    } else if (!cube.port.empty()) {
        load(cube, probe, {});
    } else {
        verify_probe(probe, hooked(cube).kind, {}, "");
    }
}

Placement placement_in(Body& body) {
    const std::string before = body.text("before");
    const std::string after = body.text("after");
    const std::string position = body.word("position", {"first", "last", "auto"}, "auto");
    if (!before.empty())
        return {Placement::Kind::before, before};
    if (!after.empty())
        return {Placement::Kind::after, after};
    if (position == "first")
        return {Placement::Kind::first, ""};
    return {};
}

Reply Shim::attach() {
    Body given(request_.body);
    const std::string name = given.text("cube");
    const std::string port = given.text("port");
    if (name.empty())
        throw HttpError(400, "Cube is missing", "/cube");
    if (port.empty())
        throw HttpError(400, "Port is missing", "/port");
    Cube cube = cube_of(name);
    if (!parent_of(cube).empty())
        throw HttpError(400, "cube '" + name + "' is attached to " + cube.port, "/port",
                        "detach it first");
    cube.port = port;
    const auto document = running_document(cube);
    const Placement placement = placement_in(given);
    as_fault_of_request([&] {
        if (cube.service == "firewall")
            attach_firewall(cube, placement);
        else if (document)
            load(cube, probes_.open(*document, json_text(echo_of(*document))), placement);
    });
    cubes_.save(cube);
    return nothing(200);
}

void Shim::attach_firewall(const Cube& cube, const Placement& placement) const {
    load(cube, open_installed_probe(firewall_probe, settings_.allowed()), placement);
}

// /firewall/N[/chain/C/{rule,batch}]
Reply Shim::about_firewall(const std::string& name) {
    const Cube cube = cube_of("firewall", name);
    if (path_.size() != 5 || path_[2] != "chain" || (path_[4] != "rule" && path_[4] != "batch"))
        throw_absent(path_);
    if (!is_loaded(name))
        throw HttpError(400, "firewall '" + name + "' is attached to no port", "path",
                        "POST /polycube/v1/attach");
    if (path_[4] == "rule") {
        require_method({"GET", "HEAD"});
        return show_rules(settings_, name, path_[3]);
    }
    require_method({"POST"});
    as_fault_of_request(
        [&] { change_rules(settings_, name, path_[3], request_.body, request_.peer.key); });
    return nothing(200);
}

Reply Shim::detach() {
    Body given(request_.body);
    const std::string name = given.text("cube");
    const std::string port = given.text("port");
    if (name.empty())
        throw HttpError(400, "Cube is missing", "/cube");
    Cube cube = cube_of(name);
    if (cube.port.empty() || (!port.empty() && port != cube.port))
        throw HttpError(400, "cube '" + name + "' is not attached to '" + port + "'", "/port");
    settle(cube);
    unload(name);
    cube.port.clear();
    cubes_.save(cube);
    return nothing(200);
}

Reply Shim::about_metrics(const Cube& cube) const {
    require_method({"GET", "HEAD"});
    return json_reply(cube_metrics(settings_,
                                   {.cube = cube,
                                    .document = running_document(cube).value_or(DynmonDocument{}),
                                    .peek = request_.method == "HEAD"},
                                   path_, here()));
}

// The configuration

// One path of the document; the other one stays as it is.
void Shim::change_path(Cube& cube) {
    const auto running = running_document(cube);
    Json document = running ? echo_of(*running) : Json::object();
    if (request_.method == "DELETE") {
        if (document.erase(path_[3]) == 0)
            throw_absent(path_);
    } else {
        try {
            document[path_[3]] = Json::parse(request_.body);
        } catch (const Json::parse_error& error) {
            throw HttpError(400, error.what(), "document");
        }
    }
    if (document.empty())
        remove_document(cube);
    else
        set_document(cube, json_text(document));
}

Reply Shim::about_path(Cube cube) {
    if (path_.size() == 4 && (path_[3] == "ingress-path" || path_[3] == "egress-path"))
        require_method({"GET", "HEAD", "POST", "PUT", "DELETE"});
    else
        require_method({"GET", "HEAD"});
    if (!request_.reads()) {
        change_path(cube);
        return nothing(request_.method == "DELETE" ? 204 : 201);
    }
    const auto document = running_document(cube);
    Json node = leaf_of(document ? echo_of(*document) : Json::object(), path_, 3);
    return json_reply(node.is_array() ? ending_with_links(std::move(node), here()) : node);
}

void Shim::remove_document(Cube& cube) {
    unload(cube.name);
    cube.document.clear();
    cube.next.clear();
    cubes_.save(cube);
}

Reply Shim::about_document(Cube cube) {
    require_method({"GET", "HEAD", "POST", "PUT", "DELETE"});
    if (request_.reads()) {
        const auto document = running_document(cube);
        Json echo = document ? echo_of(*document) : Json::object();
        echo["_links"] = links_to(here(), {"ingress-path", "egress-path"});
        return json_reply(echo);
    }
    if (request_.method == "POST" || request_.method == "PUT") {
        set_document(cube, request_.body);
        return nothing(201);
    }
    remove_document(cube);
    return nothing(204);
}

Reply Shim::about_cube(const std::string& name) {
    const std::string& service = path_.front();
    if (path_.size() == 2) {
        require_method({"GET", "HEAD", "POST", "PUT", "DELETE"});
        if (request_.method == "POST" || request_.method == "PUT")
            return create(service, name);
        const Cube cube = cube_of(service, name);
        if (request_.reads())
            return json_reply(show(cube));
        unload(name);
        cubes_.remove(name);
        return nothing(204);
    }
    if (service == "firewall")
        return about_firewall(name);
    Cube cube = cube_of(service, name);
    const std::string& part = path_[2];
    if (part == "metrics")
        return about_metrics(cube);
    if (part == "open-metrics" && path_.size() == 3) {
        require_method({"GET", "HEAD"});
        return {.type = "text/plain; version=0.0.4; charset=utf-8",
                .text = cube_open_metrics(settings_, cube)};
    }
    if (part == "dataplane-config" || part == "dataplane")
        return path_.size() == 3 ? about_document(std::move(cube)) : about_path(std::move(cube));
    const Json shown = show(cube);
    if (path_.size() == 3 && shown.contains(part) && request_.reads())
        return json_reply(shown.at(part));
    throw_absent(path_);
}

// `/dm/…` for a cube `dm`: as Polycube's command line abbreviates.
Reply Shim::redirect() const {
    const auto cube = cubes_.find(path_.front());
    if (!cube)
        throw_absent(path_);
    std::string where = base + cube->service;
    for (const std::string& segment : path_)
        where += "/" + percent_encoded(segment);
    Reply reply = nothing(308);
    reply.headers.emplace_back("Location", where);
    return reply;
}

Reply Shim::answer() {
    settings_.lock_patience.renew();
    if (path_.empty())
        return json_reply(
            {{"name", "dynmon"}, {"_links", links_to("/polycube/v1", {"dynmon", "firewall"})}});
    const std::string& service = path_.front();
    if (service == "attach" || service == "detach") {
        if (path_.size() != 1)
            throw_absent(path_);
        require_method({"POST"});
        return service == "attach" ? attach() : detach();
    }
    if (service != "dynmon" && service != "firewall")
        return redirect();
    if (path_.size() > 1)
        return about_cube(path_[1]);
    require_method({"GET", "HEAD"});
    return list_cubes(service);
}

} // namespace

Match polycube_match(const std::string& method, const Target& target) {
    static const Route looks{"GET", "/polycube/v1", Endpoint::polycube, Right::read, {}};
    static const Route takes{"GET", "/polycube/v1/metrics", Endpoint::polycube, Right::consume, {}};
    static const Route changes{"PUT", "/polycube/v1", Endpoint::polycube, Right::load, {}};
    static const Route denies{"POST", "/polycube/v1/firewall", Endpoint::polycube, Right::deny, {}};
    const Path& path = target.segments;
    const bool reads = method == "GET" || method == "HEAD";
    const bool is_metrics = path.size() > 4 && path[4] == "metrics";
    const bool is_batch = path.size() > 4 && path[2] == "firewall" && path[4] == "chain";
    Match match{.route = reads      ? is_metrics ? &takes : &looks
                         : is_batch ? &denies
                                    : &changes,
                .names = {}};
    if (path.size() > 3 && is_identifier(path[3]))
        match.names["monitor"] = path[3];
    return match;
}

Reply polycube_reply(const Settings& settings, const std::string& cubes, DocumentProbes& probes,
                     const Request& request) {
    return Shim(settings, cubes, probes, request).answer();
}

Reply polycube_error(const HttpError& error) {
    Reply reply{.status = error.status(),
                .type = "text/plain; charset=utf-8",
                .text = (error.field().starts_with('/') ? error.field() + ": " : "") +
                        error.what() + (error.hint().empty() ? "" : " (" + error.hint() + ")") +
                        "\n"};
    reply.headers = error.headers();
    return reply;
}

} // namespace dynmon::serve
