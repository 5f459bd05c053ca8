// Stores flows as CSV files in a folder, one for each window that some left the cache with.
#pragma once

#include "export/flow_sink.hpp"
#include "export/output_dir.hpp"

namespace dynmon {

class FlowFiles final : public FlowSink {
public:
    // `dir` must outlive it. `keeps`: what cannot be written, until there is room on the disk.
    FlowFiles(OutputDir& dir, bool keeps)
        : dir_(dir), keeps_(keeps), iteration_(dir.next_iteration()) {}

    const char* profile() const override { return "netflow"; }
    void make_room() override;
    // That of the file that it would be in: it goes on from run to run.
    std::uint64_t iteration(std::uint64_t) const override { return iteration_; }
    bool has(const FlowWindow& from) const override { return dir_.has(from.monitor, from.window); }
    void add(std::vector<FlowRecord> flows, const FlowWindow& from) override;
    std::vector<std::string> send() override;
    const std::vector<FlowRecord>& waiting() const override { return waiting_; }
    void close() override;

private:
    std::vector<std::string> write();

    OutputDir& dir_;
    bool keeps_;
    std::uint64_t iteration_;
    std::vector<FlowRecord> waiting_; // for room on the disk
    FlowWindow from_;                 // the last window of them
    bool told_ = false;               // that some wait
};

} // namespace dynmon
