// SPDX-License-Identifier: BSD-2-Clause
// A consumer of windows that stores what a profile makes of them as files in a folder.
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "export/export_state.hpp"
#include "export/output_dir.hpp"

namespace dynmon {

class FileExporter final : public Exporter {
public:
    // `folder`: as OutputDir takes it. `report` is called for each window once it is stored.
    FileExporter(const std::string& folder, std::unique_ptr<WindowFormatter> formatter,
                 ReportWindow report);
    ~FileExporter() override;

    // Throws Error{usage} when the monitor lacks a metric or one of its fields.
    void prepare(const std::vector<const MetricView*>& metrics) override;
    void begin_document(const std::string& monitor, const Window& window) override;
    void begin_metric(const MetricView& metric) override;
    DrainBuffer* room_for_drained(const MetricView& metric, std::size_t bytes) override;
    void entries(const Batch& batch) override;
    void end_metric(std::uint64_t) override { role_ = Role::none; }
    void end_document() override;

private:
    enum class Role { none, rendered, missed };
    using Clock = std::chrono::steady_clock;

    void open_drained(const MetricView& queue, std::size_t bytes);
    void take_left_over();

    OutputDir dir_;
    std::unique_ptr<WindowFormatter> formatter_;
    ReportWindow report_;
    std::vector<std::string> metrics_;
    Role role_ = Role::none; // of the metric at hand
    std::string metric_;
    std::set<std::string> unused_; // metrics with entries that the profile does not use
    WindowName name_;
    bool repeated_ = false; // it is stored already
    MissedCounters missed_;
    std::vector<MetricView> queues_; // that are rendered, of the running probe
    std::vector<std::unique_ptr<DrainFile>> drained_;
    Clock::time_point began_;
};

} // namespace dynmon
