// Load or replace, whichever makes it so; nothing when it is so already.
#pragma once

#include "monitor/load.hpp"

namespace dynmon {

enum class Applied { loaded, replaced, unchanged };
const char* to_string(Applied applied);

struct ApplyReport {
    Applied outcome = Applied::unchanged;
    GenerationRecord record;
};

// The same object, manifest and parameters on the same hook: unchanged. Throws Error{busy} when
// the monitor is on another device or hook than `request` asks for.
ApplyReport apply_monitor(const Settings& settings, const Probe& probe, const LoadRequest& request,
                          ReplaceRequest::Keep keep_maps);

} // namespace dynmon
