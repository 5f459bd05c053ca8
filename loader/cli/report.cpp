// SPDX-License-Identifier: BSD-2-Clause
#include "cli/report.hpp"

#include <iostream>

#include <time.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "control/doctor.hpp"
#include "control/reports.hpp"
#include "hook/hook.hpp"

namespace dynmon {

using nlohmann::ordered_json;

void print_result(const Global& global, const ordered_json& document, const std::string& sentence) {
    if (global.json)
        std::cout << json_text(document) << "\n";
    else if (!sentence.empty())
        std::cout << sentence << "\n";
}

namespace {

// Nothing: another process has unloaded the monitor meanwhile.
std::optional<HookRecord> record_of(const Store& store, const HookId& hook) {
    try {
        return read_hook_record(store, hook);
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace

int exit_code(const std::vector<SystemProblem>& ailments) {
    return is_ill(ailments) ? static_cast<int>(ErrorKind::failed) : 0;
}

ordered_json placed_json(const Global& global, const GenerationRecord& record) {
    ordered_json document = generation_json(record);
    const Store store = global.settings.open_store(false);
    for (std::size_t i = 0; i < record.programs.size(); ++i) {
        const HookId& hook = record.programs[i].hook;
        const auto neighbours = in_front_of(store, hook).neighbours;
        document["programs"][i]["in-front"] = neighbours_json(neighbours);
        if (!record_of(store, hook))
            continue;
        for (const Neighbour& neighbour : neighbours.value_or(std::vector<Neighbour>{}))
            log::warn(std::string(to_string(hook.point)) + " of '" + hook_device(store, hook) +
                      "': " + describe(neighbour) +
                      " runs in front of dynmon; packets that it does not pass on are not counted");
    }
    return document;
}

std::string places_text(const Global& global, const GenerationRecord& record) {
    if (record.programs.empty())
        return "no hook";
    const Store store = global.settings.open_store(false);
    std::string device;
    std::string points;
    for (const ProgramRecord& program : record.programs) {
        points += std::string(points.empty() ? "" : ", ") + to_string(program.hook.point);
        const std::optional<HookRecord> hook = record_of(store, program.hook);
        if (!hook)
            continue;
        device =
            hook_device(store, program.hook) + (hook->netns.empty() ? "" : " in " + hook->netns);
        if (program.hook.point != HookPoint::xdp)
            points += hook->attach == Attach::link ? "/tcx" : "/clsact";
    }
    return device + " (" + points + ")";
}

std::string what_went_on(const std::vector<std::string>& carried, bool unread) {
    std::string text;
    for (const std::string& map : carried)
        text += (text.empty() ? ", kept " : ", ") + map;
    return text + (unread ? "; the window before it waits to be read" : "");
}

} // namespace dynmon
