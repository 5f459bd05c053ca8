#include "profile/flow_exporter.hpp"

#include <utility>

#include "base/error.hpp"

namespace dynmon {

namespace {

// Nothing when `metric` is no flow table; the first fault is noted, unless there is one of a metric
// called flows, which it was probably meant to be.
std::optional<FlowFields> flow_fields(const MetricView& metric, std::optional<Error>& fault) {
    try {
        return FlowFields(metric);
    } catch (const Error& error) {
        if (!fault || metric.name == "flows")
            fault = error;
        return std::nullopt;
    }
}

} // namespace

FlowExporter::FlowExporter(TimeOuts time_outs, std::size_t max_flows, FlowOutlet& outlet,
                           ReportWindow report)
    : cache_(time_outs, max_flows), outlet_(outlet), report_(std::move(report)) {}

void FlowExporter::prepare(const std::vector<const MetricView*>& metrics) {
    std::optional<Error> fault;
    for (const MetricView* metric : metrics)
        if (flow_fields(*metric, fault))
            return outlet_.make_room();
    throw fault ? *fault : Error(ErrorKind::usage, "the monitor has no metric");
}

void FlowExporter::begin_document(const std::string& monitor, const Window& window) {
    began_ = Clock::now();
    at_ = {monitor, window};
    seen_.clear(); // of a window that was given up
    missed_.clear();
}

void FlowExporter::begin_metric(const MetricView& metric) {
    std::optional<Error> fault;
    counts_missed_ = MissedCounters::is_one(metric);
    if (counts_missed_)
        missed_.begin(metric);
    else if ((fields_ = flow_fields(metric, fault)))
        rows_.emplace(metric);
}

void FlowExporter::entries(const Batch& batch) {
    if (counts_missed_)
        missed_.add(batch);
    else if (fields_)
        rows_->for_each(batch, [this](const Row& row) {
            const FlowRecord flow = fields_->read(row);
            if (flow.packets > 0) // of CPUs that are kept apart, those that saw some
                seen_.push_back(flow);
        });
}

void FlowExporter::end_metric(std::uint64_t) {
    rows_.reset();
    fields_.reset();
}

bool FlowExporter::is_repeated() const {
    const Window& window = at_.window;
    const bool again = stored_ && stored_->generation == window.generation &&
                       stored_->sequence == window.sequence && stored_->to_ns == window.to_ns;
    return again || outlet_.has(at_);
}

void FlowExporter::add_up(WindowReport& report) {
    std::vector<FlowRecord> left;
    for (const FlowRecord& flow : seen_)
        cache_.add(flow, left);
    cache_.expire(at_.window.to_ns, left);
    report.sessions = left.size();
    for (const FlowRecord& flow : left)
        report.packets += flow.packets;
    // If it throws, nothing of the window is in the cache.
    report.files = outlet_.store(std::move(left), at_);
}

void FlowExporter::end_document() {
    const Clock::time_point read = Clock::now();
    WindowReport report{.monitor = at_.monitor,
                        .window = at_.window,
                        .iteration = windows_,
                        .repeated = is_repeated(),
                        .missed = missed_.counts()};
    if (!report.repeated) {
        add_up(report);
        ++windows_;
    }
    stored_ = at_.window;
    seen_.clear();
    report.read_seconds = std::chrono::duration<double>(read - began_).count();
    report.write_seconds = std::chrono::duration<double>(Clock::now() - read).count();
    report_(report);
}

void FlowExporter::close() {
    std::vector<FlowRecord> left;
    cache_.drain(EndReason::forced, left);
    outlet_.store(std::move(left), at_);
    outlet_.close();
}

} // namespace dynmon
