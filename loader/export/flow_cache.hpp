// SPDX-License-Identifier: BSD-2-Clause
// Flows that windows are added up to until they end, are silent or are old; the file that keeps
// them from one run to the next, and how files sorted in parts are joined. Pure: `now` is passed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file.hpp"
#include "export/flow_record.hpp"

namespace dynmon {

// Flows that were taken out of the kernel and have not gone where they are to go, in a file: so
// that a killed export loses none.

struct SavedFlows {
    Window stored; // the last window whose flows are here, or have gone
    std::vector<FlowRecord> cached;
    std::vector<FlowRecord> waiting;
};

class FlowState {
public:
    // The state of the flows of `monitor`. The folder of `path` has to be there. Throws
    // Error{failed}.
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

// Flows in the order of their first packets, of which only a few at a time are in memory.

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

// 0: a flow leaves with the window that it was seen in.
struct TimeOuts {
    std::uint64_t idle_ns = 15'000'000'000;
    std::uint64_t active_ns = 60'000'000'000;
    bool keeps() const { return idle_ns > 0 && active_ns > 0; } // from one window to the next
};

class FlowCache {
public:
    FlowCache(TimeOuts time_outs, std::size_t max_flows);

    // Adds what a window says of a flow. Appends to `left` what leaves for it: the flow that went
    // before it and had been silent for too long, or of a full cache the one that was touched
    // least recently.
    void add(const FlowRecord& seen, std::vector<FlowRecord>& left);
    // After the last flow of a window that ends at `now_ns`: appends what does not stay.
    void expire(std::uint64_t now_ns, std::vector<FlowRecord>& left);
    void drain(EndReason reason, std::vector<FlowRecord>& left); // all of them

    // Why it would leave at `now_ns`; none: it stays.
    EndReason end_of(const FlowRecord& flow, std::uint64_t now_ns) const;

    std::size_t size() const { return flows_.size(); }
    const std::list<FlowRecord>& flows() const { return flows_; } // least recently touched first

private:
    using Flows = std::list<FlowRecord>; // least recently touched first

    Flows::iterator leave(Flows::iterator flow, EndReason reason, std::vector<FlowRecord>& left);

    TimeOuts time_outs_;
    std::size_t max_flows_;
    Flows flows_;
    std::unordered_map<FlowKey, Flows::iterator, FlowKeyHash> index_;
};

} // namespace dynmon
