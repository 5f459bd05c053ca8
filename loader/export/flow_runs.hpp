// SPDX-License-Identifier: BSD-2-Clause
// Flows in the order of their first packets, of which only a few at a time are in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "export/flow_record.hpp"

namespace dynmon {

// Sorted runs of flows in a file without a name, which is gone with the object.
class FlowRuns {
public:
    // Nothing is made before the first add(). `folder`, which is at `path`, must outlive it.
    FlowRuns(int folder, std::string path) : folder_(folder), path_(std::move(path)) {}

    // Throws Error{failed}; then none of `flows` is here.
    void add(std::vector<FlowRecord> flows);
    bool empty() const { return ends_.empty(); }
    void clear(); // and gives back the room on the disk

    // All that were added and `last`, the earliest first; those that came at the same time in the
    // order in which they were added. Throws Error{failed}.
    void for_each(std::vector<FlowRecord> last,
                  const std::function<void(const FlowRecord&)>& each) const;

private:
    struct Run;

    void open();
    void fill(Run& run) const;
    std::string file_path() const;

    int folder_; // not owned
    std::string path_;
    Fd file_;
    std::vector<std::uint64_t> ends_; // of the runs: records of the file before the next one
};

} // namespace dynmon
