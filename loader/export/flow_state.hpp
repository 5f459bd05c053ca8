// SPDX-License-Identifier: BSD-2-Clause
// Flows that were taken out of the kernel and have not gone where they are to go, in a file: so
// that a killed export loses none.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "export/flow_sink.hpp"

namespace dynmon {

struct SavedFlows {
    Window stored; // the last window whose flows are here, or have gone
    std::vector<FlowRecord> cached;
    std::vector<FlowRecord> waiting;
};

class FlowState {
public:
    // Of the flows of `monitor`. The folder of `path` has to be there. Throws Error{failed}.
    FlowState(const std::string& path, std::string monitor);
    static std::string folder_of(const std::string& path);

    // Nothing when there is no file. Throws Error{usage} for one of another monitor or none of
    // ours.
    std::optional<SavedFlows> load() const;
    // Replaces the file in one step, synced to the disk. Throws Error{failed}. `seen` goes into the
    // cache behind `cached` when it is loaded.
    void save(const Window& stored, const std::list<FlowRecord>& cached,
              const std::vector<FlowRecord>& seen, const std::vector<FlowRecord>& waiting) const;
    void remove() const;
    const std::string& path() const { return path_; }
    const std::string& monitor() const { return monitor_; }

private:
    std::string path_;
    std::string name_;
    std::string monitor_;
    std::string in_; // the folder of path_
    Fd folder_;
};

} // namespace dynmon
