// SPDX-License-Identifier: BSD-2-Clause
// dynmon/monitor.hpp, on top of the verbs.
#include "dynmon/monitor.hpp"

#include "base/error.hpp"
#include "control/load.hpp"
#include "control/read.hpp"
#include "control/status.hpp"
#include "format/export_options.hpp"
#include "kernel/machine.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon::monitors {

namespace {

Settings settings_of(const Place& place) {
    return {.bpffs = place.bpffs,
            .lock_patience = LockPatience(place.patience),
            .allow = place.allow,
            .policy = place.policy};
}

// `word` of `choices`, or nothing for "".
template <typename Choice>
std::optional<Choice> chosen(const std::string& what, const std::string& word,
                             std::initializer_list<Choice> choices) {
    if (word.empty())
        return std::nullopt;
    for (const Choice choice : choices)
        if (word == to_string(choice))
            return choice;
    throw Error(ErrorKind::usage, "no " + what + " '" + word + "'");
}

void read_into(const Place& place, const std::string& name, const ReadOptions& what, Sink& sink) {
    ExportOptions output{.format = format_of(what.format)};
    output.where = what.where;
    output.sort = what.sort;
    output.top = what.top;
    output.columns = what.columns;
    output.rate = what.rate;
    output.host = host_name();
    const ReadRequest request{
        .name = name,
        .named = {.as = what.reader, .keep_ns = std::nullopt, .keep_bytes = std::nullopt},
        .metric = what.metric,
        .direction = chosen("direction", what.direction, {Direction::ingress, Direction::egress}),
        .output = &output,
        .peek = what.peek};
    during("read '" + name + "'", [&] { read_monitor(settings_of(place), request, sink); });
}

} // namespace

void load(const Place& place, const std::string& name, const std::string& probe,
          const LoadOptions& how) {
    const Settings settings = settings_of(place);
    LoadRequest request{.name = name, .device = how.device, .netns = how.netns};
    request.hook = chosen("hook", how.hook, {HookKind::tc, HookKind::xdp});
    request.mode = chosen("mode", how.mode, {XdpMode::native, XdpMode::generic});
    request.assignments = how.parameters;
    const Probe opened = open_checked_probe(probe, settings.allowed());
    during("load '" + name + "'", [&] { load_monitor(settings, opened, request); });
}

std::uint32_t replace(const Place& place, const std::string& name, const std::string& probe,
                      const ReplaceOptions& how) {
    const Settings settings = settings_of(place);
    ReplaceRequest request{.name = name};
    if (how.keep_maps)
        request.keep_maps = ReplaceRequest::Keep::all;
    request.assignments = how.parameters;
    const Probe opened = open_checked_probe(probe, settings.allowed());
    return during("replace '" + name + "'",
                  [&] { return replace_monitor(settings, opened, request).record.number; });
}

void read(const Place& place, const std::string& name, int descriptor, const ReadOptions& what) {
    Sink sink(descriptor);
    read_into(place, name, what, sink);
    sink.flush();
}

std::string read(const Place& place, const std::string& name, const ReadOptions& what) {
    Sink sink(-1);
    read_into(place, name, what, sink);
    return std::move(sink.buffer());
}

void unload(const Place& place, const std::string& name) {
    during("unload '" + name + "'", [&] { unload_monitor(settings_of(place), name); });
}

std::vector<std::string> recover(const Place& place) {
    return dynmon::recover(settings_of(place)).actions;
}

std::vector<State> list(const Place& place) {
    std::vector<State> found;
    for (const MonitorStatus& monitor : read_status(settings_of(place), "").monitors)
        found.push_back(
            {monitor.name, monitor.probe, monitor.generation, monitor.health, monitor.sequence});
    return found;
}

} // namespace dynmon::monitors
