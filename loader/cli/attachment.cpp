// SPDX-License-Identifier: BSD-2-Clause
#include "cli/attachment.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/health.hpp"
#include "control/meter.hpp"

namespace dynmon {

namespace {

// What happened, and what to do.
std::string explain(const CountingPlace& place, const std::string& monitor) {
    const std::string again = "unload '" + monitor + "' and load it again";
    if (place.health == "defunct")
        return "the interface or its network namespace is gone; what was counted before can still "
               "be read, then unload '" +
               monitor + "' and load it where the packets are now";
    if (place.health == "detached")
        return "nothing of it is attached any more" +
               (place.problem.empty() ? "" : " (" + place.problem + ")") + "; " + again;
    if (place.health == "taken")
        return place.problem + "; put the pivot back, or " + again;
    if (place.health == over_limit)
        return "its program was taken out: " + place.problem + "; " + limit_remedy(monitor);
    return "no chain leads to its program; run `dynmon-load recover`";
}

} // namespace

void AttachmentNotes::note(const std::vector<CountingPlace>& places) {
    std::map<std::string, std::string> reasons; // by what is wrong: the hooks, in order
    for (const CountingPlace& place : places) {
        if (!place.attached)
            continue;
        std::string& said = said_.try_emplace(place.hook, "attached").first->second;
        const bool was_attached = said == "attached" || said == "moved";
        if (said == place.health)
            continue;
        said = place.health;
        if (*place.attached) {
            if (!was_attached)
                log::info("monitor '" + monitor_ + "': packets are counted again at " + place.hook);
            continue;
        }
        std::string& hooks = reasons[" (" + place.health + "): " + explain(place, monitor_)];
        hooks += (hooks.empty() ? "" : " and ") + place.hook +
                 (place.device.empty() ? "" : " of " + place.device);
    }
    for (const auto& [reason, hooks] : reasons)
        log::warn("monitor '" + monitor_ + "' counts nothing at " + hooks + reason);
}

void AttachmentWatch::look() {
    if (monitor_.empty())
        return;
    last_ = std::chrono::steady_clock::now();
    try {
        notes_.note(counting_places(settings_, monitor_));
    } catch (const Error& error) {
        // It is being unloaded or replaced, or this user may not look.
        log::debug("monitor '" + monitor_ + "': " + error.what());
    }
}

void AttachmentWatch::look_rarely() {
    if (std::chrono::steady_clock::now() - last_ >= std::chrono::seconds(1))
        look();
}

} // namespace dynmon
