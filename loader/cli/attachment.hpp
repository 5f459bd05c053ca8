// SPDX-License-Identifier: BSD-2-Clause
// Warns a reader, once, that the monitor counts nothing, and says when that changes.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "control/settings.hpp"
#include "format/exporter.hpp"

namespace dynmon {

class AttachmentNotes {
public:
    explicit AttachmentNotes(std::string monitor) : monitor_(std::move(monitor)) {}

    void note(const std::vector<CountingPlace>& places);

private:
    std::string monitor_;
    std::map<std::string, std::string> said_; // by hook: the word that was printed last
};

// The same for verbs that read a map and know no more of its monitor than the name.
class AttachmentWatch {
public:
    // "": the map belongs to no monitor, and there is never a warning.
    AttachmentWatch(const Settings& settings, const std::string& monitor)
        : settings_(settings), monitor_(monitor), notes_(monitor) {}

    void look();        // now
    void look_rarely(); // if the last look was at least a second ago

private:
    const Settings& settings_;
    std::string monitor_;
    AttachmentNotes notes_;
    std::chrono::steady_clock::time_point last_;
};

} // namespace dynmon
