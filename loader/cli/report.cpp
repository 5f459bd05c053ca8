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

int exit_code(const std::vector<SystemProblem>& ailments) {
    return is_ill(ailments) ? static_cast<int>(ErrorKind::failed) : 0;
}

std::string places_text(const Global& global, const GenerationRecord& record) {
    if (record.programs.empty())
        return "no hook";
    const Store store = global.settings.open_store(false);
    std::string device;
    std::string points;
    for (const ProgramRecord& program : record.programs) {
        points += std::string(points.empty() ? "" : ", ") + to_string(program.hook.point);
        const std::optional<HookRecord> hook = hook_record_if_there(store, program.hook);
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
