// SPDX-License-Identifier: BSD-2-Clause
// Load or replace, whichever makes it so; nothing when it is so already.
#pragma once

#include <string>
#include <vector>

#include "control/load.hpp"

namespace dynmon {

// attached: it was loaded, but nothing ran: its hook was detached, or its interface was gone and
// there is one now.
enum class Applied { loaded, replaced, attached, unchanged };
const char* to_string(Applied applied);

struct ApplyReport {
    Applied outcome = Applied::unchanged;
    GenerationRecord record;
    std::vector<std::string> carried; // maps that went on, where it was replaced
    bool unread = false;              // the generation before still holds a window to read
};

// The same object, manifest and parameters on the same hook, which counts: unchanged. A hook that
// another process detached is attached again, with all monitors on it; from an interface that is
// gone the monitor goes to the one that `request` names. Throws Error{busy} when it runs on another
// device or hook than `request` asks for.
ApplyReport apply_monitor(const Settings& settings, const Probe& probe, const LoadRequest& request,
                          ReplaceRequest::Keep keep_maps);

} // namespace dynmon
