// SPDX-License-Identifier: BSD-2-Clause
#include "cli/dry_run.hpp"

#include "cli/report.hpp"

namespace dynmon {

void DryRunOption::declare(CLI::App& app) {
    app.add_flag("--dry-run", on_, "change nothing, and show the steps that it would take");
}

Settings DryRunOption::settings(const Settings& given) {
    Settings settings = given;
    settings.dry_run = on_ ? &log_ : nullptr;
    return settings;
}

int DryRunOption::print(const Global& global) const {
    std::string text;
    for (const std::string& step : log_.steps)
        text += (text.empty() ? "" : "\n") + step;
    print_result(global, {{"steps", log_.steps}}, text.empty() ? "nothing to do" : text);
    return 0;
}

} // namespace dynmon
