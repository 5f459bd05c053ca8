// SPDX-License-Identifier: BSD-2-Clause
// Which process takes the windows of a monitor, or of one of its named readers, while it runs.
#pragma once

#include <optional>
#include <string>

#include "state/store.hpp"

namespace dynmon {

// A lock on a directory beside the monitor's maps, so that it ends with its holder, however that
// ends. Not thread-safe. A caller that asks for it holds the monitor's lock, exclusively.
class WindowClaim {
public:
    // Takes it, or keeps it. Throws Error{busy} that names the process that has it.
    // `reader` "": one without a name.
    void hold(const Store& store, const std::string& monitor, const std::string& reader);
    // For a reader that takes windows once: throws as hold(), and takes nothing.
    static void require_free(const Store& store, const std::string& monitor,
                             const std::string& reader);
    static void make_place(const std::string& monitor_dir); // which may still be staged
    static void remove_place(const std::string& monitor_dir, const std::string& reader);

private:
    std::optional<DirectoryLock> lock_; // of a monitor that may be gone, and loaded again
};

} // namespace dynmon
