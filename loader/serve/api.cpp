// SPDX-License-Identifier: BSD-2-Clause
#include "serve/api.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/json_text.hpp"
#include "control/deny.hpp"
#include "control/doctor.hpp"
#include "control/load.hpp"
#include "control/read.hpp"
#include "control/reports.hpp"
#include "control/status.hpp"
#include "filter/literal.hpp"
#include "format/export_options.hpp"
#include "kernel/clock.hpp"
#include "object/probe.hpp"
#include "policy/checked_probe.hpp"
#include "serve/body.hpp"
#include "serve/memory_file.hpp"
#include "serve/snapshots.hpp"
#include "state/state.hpp"

namespace dynmon::serve {

namespace {

using nlohmann::ordered_json;

Reply json_reply(const ordered_json& document, int status = 200) {
    return {.status = status, .text = json_text(document) + "\n"};
}

// Looking

Reply give_status(const Settings& settings) {
    const Status status = read_status(settings, "");
    return json_reply(status_json(status, diagnose(status), false));
}

Reply give_doctor(const Settings& settings) {
    return json_reply(examination_json(examine(settings)));
}

Reply give_monitors(const Settings& settings) {
    ordered_json monitors = ordered_json::array();
    for (const MonitorStatus& monitor : read_status(settings, "").monitors)
        monitors.push_back(monitor_json(monitor, false));
    return json_reply({{"monitors", monitors}});
}

Reply give_monitor(const Settings& settings, const std::string& name) {
    const Status status = read_status(settings, name);
    if (status.monitors.empty())
        throw HttpError(404, "there is no monitor '" + name + "'", "monitor");
    return json_reply(monitor_json(status.monitors.front(), false));
}

// What a name in PUT can be: installed probes, each folder with a manifest.
Reply give_probes() {
    ordered_json probes = ordered_json::array();
    for (const InstalledProbe& probe : installed_probes())
        probes.push_back({{"name", probe.name}, {"path", probe.folder}});
    return json_reply({{"probes", probes}});
}

// Peeking

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

std::size_t number_of(const Target& target, const std::string& name) {
    const std::string text = target.parameter(name);
    std::size_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!text.empty() && (fault != std::errc() || end != text.data() + text.size()))
        throw HttpError(400, "'" + text + "' is no number", name);
    return number;
}

bool flag_of(const Target& target, const std::string& name) {
    const std::string text = target.parameter(name);
    if (text.empty() || text == "false" || text == "0")
        return false;
    if (text == "true" || text == "1")
        return true;
    throw HttpError(400, "'" + text + "' is neither true nor false", name);
}

std::optional<Direction> direction_of(const std::string& text) {
    if (text.empty())
        return std::nullopt;
    if (text != "ingress" && text != "egress")
        throw HttpError(400, "'" + text + "' is no direction", "direction", "ingress or egress");
    return text == "ingress" ? Direction::ingress : Direction::egress;
}

struct OfferedFormat {
    const char* name;
    const char* type;
};
constexpr OfferedFormat offered_formats[] = {{"json", "application/json"},
                                             {"jsonl", "application/jsonl"},
                                             {"csv", "text/csv; charset=utf-8"}};

const OfferedFormat& format_for(const Target& target) {
    const std::string name = target.parameter("format");
    for (const OfferedFormat& each : offered_formats)
        if (name == each.name || (name.empty() && &each == &offered_formats[0]))
            return each;
    throw HttpError(400, "'" + name + "' is no format here", "format", "json, jsonl or csv");
}

void require_metric(const Error& error, const std::string& metric) {
    if (error.kind() == ErrorKind::usage && !metric.empty() &&
        std::string(error.what()).find("has no metric '" + metric + "'") != std::string::npos)
        throw HttpError(404, error.what(), "metric", error.hint());
}

Reply give_peek(const Settings& settings, const Match& match, const Request& request) {
    const Target& target = request.target;
    const OfferedFormat& format = format_for(target);
    const auto metric = match.names.find("metric");
    ExportOptions output{.format = format_of(format.name)};
    output.where = target.parameter("where");
    output.sort = target.parameter("sort");
    output.top = number_of(target, "top");
    output.columns = split(target.parameter("columns"));
    output.rate = flag_of(target, "rate");
    output.build = build_name();
    const ReadRequest read{.name = match.name("monitor"),
                           .metric = metric == match.names.end() ? "" : metric->second,
                           .direction = direction_of(target.parameter("direction")),
                           .output = &output,
                           .peek = true};
    auto file = std::make_shared<MemoryFile>();
    Sink sink(file->descriptor());
    try {
        during("read '" + read.name + "'", [&] { read_monitor(settings, read, sink); });
    } catch (const Error& error) {
        require_metric(error, read.metric);
        throw;
    }
    sink.flush();
    Reply reply{.type = format.type};
    reply.content = std::move(file);
    return reply;
}

// Taking windows

std::string list_of_lines(std::string_view lines) {
    std::string list;
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find('\n'), lines.size());
        if (end > 0)
            list.append(list.empty() ? "" : ",").append(lines.substr(0, end));
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    return list;
}

std::uint64_t duration_ns(const std::string& text, const std::string& field) {
    constexpr std::uint64_t most_ns = 1'000'000'000'000'000'000;
    auto length = parse_exact_duration(text);
    if (!length)
        length = parse_exact_duration(text + 's');
    if (!length || length->negative || length->too_large || length->size > most_ns ||
        length->size == 0)
        throw HttpError(400, "'" + text + "' is not a duration", "/" + field, "such as 10m");
    return static_cast<std::uint64_t>(length->size);
}

// What is handed out waits until the reader says, with the next request, that it has it: an answer
// that is lost on its way comes again, under the same sequence numbers.
Reply take_windows(const Settings& settings, const std::string& monitor, const Request& request) {
    Body body(request.body);
    NamedReading named{.as = body.required_text("reader")};
    named.has_up_to = body.number("after").value_or(0);
    named.only_waiting = !body.flag("close", true);
    if (const std::string keep = body.text("keep"); !keep.empty())
        named.keep_ns = duration_ns(keep, "keep");
    const std::optional<Direction> direction =
        direction_of(body.word("direction", {"ingress", "egress"}));
    const std::string metric = body.text("metric");
    body.finish();
    if (!is_identifier(named.as))
        throw HttpError(400, "'" + named.as + "' is no name of a reader", "/reader",
                        "a name has 1 to 63 letters, digits, '_' and '-'");
    ExportOptions output{.format = Format::json};
    output.build = build_name();
    const ReadRequest read{.name = monitor,
                           .named = named,
                           .metric = metric,
                           .direction = direction,
                           .output = &output};
    Sink sink(-1);
    try {
        during("read '" + monitor + "'", [&] { read_monitor(settings, read, sink); });
    } catch (const Error& error) {
        require_metric(error, metric);
        throw;
    }
    return {.text = "{\"reader\":\"" + named.as + "\",\"windows\":[" +
                    list_of_lines(sink.buffer()) + "]}\n"};
}

// Loading and unloading

template <typename Choice>
std::optional<Choice> chosen(Body& body, const std::string& name,
                             std::initializer_list<Choice> choices) {
    std::vector<std::string> words;
    for (const Choice choice : choices)
        words.emplace_back(to_string(choice));
    const std::string word = body.word(name, words);
    for (const Choice choice : choices)
        if (word == to_string(choice))
            return choice;
    return std::nullopt;
}

Placement placement_of(Body& body) {
    Placement placement;
    const std::string before = body.text("before");
    const std::string after = body.text("after");
    const bool first = body.flag("first");
    if ((before.empty() ? 0 : 1) + (after.empty() ? 0 : 1) + (first ? 1 : 0) > 1)
        throw HttpError(400, "a monitor has one place in the chain", "/before",
                        "one of 'first', 'before' and 'after'");
    if (first)
        placement.kind = Placement::Kind::first;
    if (!before.empty())
        placement = {Placement::Kind::before, before};
    if (!after.empty())
        placement = {Placement::Kind::after, after};
    return placement;
}

void require_match(const Settings& settings, const std::string& monitor, bool is_there,
                   const Request& request) {
    const std::string wanted = request.header("if-match");
    const std::string unwanted = request.header("if-none-match");
    const std::string tag = is_there ? tag_of(settings, monitor) : "";
    if (!wanted.empty() && (!is_there || !matches_tag(wanted, tag)))
        throw HttpError(412, "monitor '" + monitor + "' is not what If-Match says", "if-match",
                        is_there ? "it is " + tag : "there is none");
    if (!unwanted.empty() && is_there && matches_tag(unwanted, tag))
        throw HttpError(412, "monitor '" + monitor + "' is there already", "if-none-match");
}

// Loads a monitor, or replaces its probe when it is there. Probes are named, never sent or reached
// by a path: what can be loaded is what the machine's administrator has installed.
Reply put_monitor(const Settings& settings, const std::string& monitor, const Request& request) {
    Body body(request.body);
    const std::string name = body.required_text("probe");
    LoadRequest load{.name = monitor};
    load.device = body.text("device");
    load.netns = body.text("netns");
    load.hook = chosen(body, "hook", {HookKind::tc, HookKind::xdp});
    load.mode = chosen(body, "mode", {XdpMode::native, XdpMode::generic});
    load.limit_ns = body.number("limit-ns");
    load.assignments = body.assignments("parameters");
    load.placement = placement_of(body);
    const std::string keep = body.word("keep-maps", {"none", "matching", "all"}, "none");
    body.finish();
    if (!is_identifier(name))
        throw HttpError(400, "'" + name + "' is no name of a probe", "/probe",
                        "/api/v1/probes lists those that are installed");
    const bool is_there = is_known(settings, monitor);
    require_match(settings, monitor, is_there, request);
    const Probe probe = open_installed_probe(name, settings.allowed());
    if (!is_there) {
        if (load.device.empty())
            throw HttpError(400, "'device' is missing", "/device", "the interface to load it onto");
        const GenerationRecord record =
            during("load '" + monitor + "'", [&] { return load_monitor(settings, probe, load); });
        Reply reply = json_reply(placed_json(settings, record), 201);
        reply.headers.emplace_back("Location", "/api/v1/monitors/" + monitor);
        return reply;
    }
    ReplaceRequest replace{.name = monitor};
    replace.keep_maps = keep == "all"        ? ReplaceRequest::Keep::all
                        : keep == "matching" ? ReplaceRequest::Keep::matching
                                             : ReplaceRequest::Keep::none;
    replace.limit_ns = load.limit_ns;
    replace.assignments = load.assignments;
    const ReplaceReport report = during("replace '" + monitor + "'",
                                        [&] { return replace_monitor(settings, probe, replace); });
    ordered_json document = placed_json(settings, report.record);
    document["carried-maps"] = report.carried;
    document["unread-window"] = report.unread;
    return json_reply(document);
}

Reply delete_monitor(const Settings& settings, const std::string& monitor, const Request& request) {
    require_match(settings, monitor, true, request);
    during("unload '" + monitor + "'", [&] { unload_monitor(settings, monitor); });
    return {.status = 204};
}

// Lists of prefixes

ListKind list_kind(const Match& match) {
    return match.name("list") == "deny" ? ListKind::deny : ListKind::allow;
}

PrefixLists open_lists(const Settings& settings, const Match& match, PrefixLists::Access access) {
    return PrefixLists::open(settings, match.name("monitor"), list_kind(match), access);
}

Reply give_list(const Settings& settings, const Match& match) {
    PrefixLists lists = open_lists(settings, match, PrefixLists::Access::look);
    lists.read();
    return json_reply({{"monitor", match.name("monitor")},
                       {"entries", entries_json(lists.entries(), epoch_ns())}});
}

Network network_of(const std::string& text, const std::string& field) {
    try {
        return Network::parse(text);
    } catch (const Error& error) {
        throw HttpError(400, error.what(), field, error.hint());
    }
}

Reply add_to_list(const Settings& settings, const Match& match, const Request& request) {
    Body body(request.body);
    const std::string reason = body.text("reason");
    std::vector<Addition> additions;
    for (const std::string& text : body.texts("prefixes"))
        additions.push_back({network_of(text, "/prefixes"), reason});
    Terms terms;
    if (const std::string length = body.text("for"); !length.empty())
        terms.expires_ns = epoch_ns() + duration_ns(length, "for");
    terms.dry_run = body.flag("dry-run");
    terms.source = body.text("source", request.peer.key);
    body.finish();
    if (additions.empty())
        throw HttpError(400, "'prefixes' is missing", "/prefixes", "such as [\"203.0.113.0/24\"]");
    PrefixLists lists = open_lists(settings, match, PrefixLists::Access::write);
    if (list_kind(match) == ListKind::deny && !terms.dry_run)
        lists.require_harmless(additions);
    lists.read();
    const Additions done = lists.add(additions, terms);
    return json_reply({{"monitor", match.name("monitor")},
                       {"added", networks_json(done.added)},
                       {"renewed", networks_json(done.renewed)},
                       {"dry-run", terms.dry_run},
                       {"expires", expires_json(terms.expires_ns)}});
}

Reply remove_from_list(const Settings& settings, const Match& match, const Request& request) {
    const std::vector<Network> networks{network_of(request.target.parameter("prefix"), "prefix")};
    PrefixLists lists = open_lists(settings, match, PrefixLists::Access::write);
    lists.read();
    lists.remove(networks);
    return json_reply({{"monitor", match.name("monitor")}, {"removed", networks_json(networks)}});
}

} // namespace

std::string tag_of(const Settings& settings, const std::string& monitor) {
    const Store store = settings.open_store(false);
    const MonitorState state = StateMap(store.monitor_dir(monitor) + "/state").read();
    return "\"" + std::to_string(state.generation) + "." + std::to_string(state.sequence) + "\"";
}

namespace {

Reply reply_about(const Settings& settings, const Match& match, const Request& request) {
    switch (match.route->endpoint) {
    case Endpoint::monitor:
        return give_monitor(settings, match.name("monitor"));
    case Endpoint::monitor_metrics:
    case Endpoint::monitor_metric:
        return give_peek(settings, match, request);
    case Endpoint::take_windows:
        return take_windows(settings, match.name("monitor"), request);
    case Endpoint::unload:
        return delete_monitor(settings, match.name("monitor"), request);
    case Endpoint::list:
        return give_list(settings, match);
    case Endpoint::list_add:
        return add_to_list(settings, match, request);
    case Endpoint::list_remove:
        return remove_from_list(settings, match, request);
    default:
        throw HttpError(501, "there is no answer to this");
    }
}

bool has_tag(Endpoint endpoint) {
    return endpoint == Endpoint::monitor || endpoint == Endpoint::monitor_metrics ||
           endpoint == Endpoint::monitor_metric;
}

} // namespace

Reply api_reply(const Settings& settings, const Match& match, const Request& request) {
    settings.lock_patience.renew();
    switch (match.route->endpoint) {
    case Endpoint::status:
        return give_status(settings);
    case Endpoint::doctor:
        return give_doctor(settings);
    case Endpoint::probes:
        return give_probes();
    case Endpoint::monitors:
        return give_monitors(settings);
    case Endpoint::load:
        return put_monitor(settings, match.name("monitor"), request);
    default:
        break;
    }
    const std::string& monitor = match.name("monitor");
    require_known(settings, monitor);
    const bool tagged = has_tag(match.route->endpoint);
    const std::string tag = tagged ? tag_of(settings, monitor) : "";
    const std::string known = request.header("if-none-match");
    if (tagged && !known.empty() && matches_tag(known, tag))
        return {.status = 304, .headers = {{"ETag", tag}}};
    Reply reply = reply_about(settings, match, request);
    if (tagged)
        reply.headers.emplace_back("ETag", tag);
    return reply;
}

} // namespace dynmon::serve
