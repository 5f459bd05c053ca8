// SPDX-License-Identifier: BSD-2-Clause
// Stores flows as CSV files in a folder, one for each window that some left the cache with. Only
// one part of a window that comes in parts is in memory.
#pragma once

#include <string>
#include <string_view>

#include "export/flow_cache.hpp"
#include "export/flow_record.hpp"
#include "export/output_dir.hpp"

namespace dynmon {

// Flows as rows of a table for people and spreadsheets, with the columns of nfdump. Pure.

extern const std::string_view flow_csv_header; // with its line end

// Appends the row of a flow.
void put_flow_csv_row(const FlowRecord& flow, std::string& out);

class FlowFiles final : public FlowSink {
public:
    // `dir` must outlive it. `keeps`: what cannot be written, until there is room on the disk.
    FlowFiles(OutputDir& dir, bool keeps)
        : dir_(dir), keeps_(keeps), runs_(dir.fd(), dir.path()), iteration_(dir.next_iteration()) {}

    const char* profile() const override { return "netflow"; }
    void make_room() override;
    // That of the file that it would be in. It goes on from run to run.
    std::uint64_t iteration(const Window&) const override { return iteration_; }
    bool has(const FlowWindow& from) const override { return dir_.has(from.monitor, from.window); }
    void add(std::vector<FlowRecord> flows, const FlowWindow& from) override;
    std::vector<std::string> send() override;
    const std::vector<FlowRecord>& waiting() const override { return waiting_; }
    bool takes_parts() const override { return !keeps_; }
    void send_part() override;
    void forget() override;
    void close(bool is_saved) override;

private:
    std::vector<std::string> write();
    void put_rows(const OutFile::Put& put) const;
    [[noreturn]] void give_up(const Error& error);
    void tell(const Error& error);

    OutputDir& dir_;
    bool keeps_;
    FlowRuns runs_; // parts of the window
    std::uint64_t iteration_;
    bool is_counted_ = true;          // the window has had its number, or there was none
    std::vector<FlowRecord> waiting_; // for the window's end, or for room on the disk
    FlowWindow from_;                 // the last window of them
    bool told_ = false;               // that some wait
};

} // namespace dynmon
