// SPDX-License-Identifier: BSD-2-Clause
// MAP on the command line: which map, and where its types are from.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "control/settings.hpp"
#include "source/find_map.hpp"

namespace dynmon {

struct MapArgument {
    std::vector<std::string> words;
    std::string object;

    void declare(CLI::App& app);
    // Throws Error{usage}. The interfaces of a monitor's map are those of its network namespace.
    FoundMap find(const Settings& settings) const;
    // The name of the monitor that a found map belongs to; "": none.
    static std::string monitor_of(const FoundMap& map, const Settings& settings);

private:
    FoundMap find_anywhere(const Settings& settings) const;
};

} // namespace dynmon
