#include "profile/flow_exporter.hpp"

#include "base/error.hpp"

namespace dynmon {

FlowExporter::FlowExporter(TimeOuts time_outs, std::size_t max_flows, FlowOutlet& outlet)
    : cache_(time_outs, max_flows), outlet_(outlet) {}

void FlowExporter::prepare(const std::vector<const MetricView*>& metrics) {
    std::string lack, fault;
    for (const MetricView* metric : metrics) {
        if (FlowFields::find(*metric, lack))
            return outlet_.make_room();
        if (fault.empty() || metric->name == "flows") // what it was probably meant to be
            fault = "metric '" + metric->name + "' lacks " + lack;
    }
    throw Error(ErrorKind::usage, "no metric is a flow table" + (fault.empty() ? "" : ": " + fault))
        .hint("load the probe `flows`, or one whose table has key.saddr, key.daddr, key.proto, "
              "value.first, value.last, value.packets and value.bytes");
}

void FlowExporter::begin_document(const std::string&, const Window& window) {
    window_ = window;
    seen_.clear(); // of a window that was given up
}

void FlowExporter::begin_metric(const MetricView& metric) {
    std::string lack;
    fields_ = FlowFields::find(metric, lack);
    if (fields_)
        rows_.emplace(metric);
}

void FlowExporter::entries(const Batch& batch) {
    if (fields_)
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

void FlowExporter::end_document() {
    const std::pair<std::uint32_t, std::uint64_t> window{window_.generation, window_.sequence};
    if (window == stored_)
        return;
    std::vector<FlowRecord> left;
    for (const FlowRecord& flow : seen_)
        cache_.add(flow, left);
    cache_.expire(window_.to_ns, left);
    const std::size_t count = left.size();
    outlet_.store(std::move(left)); // if it throws, nothing of the window is in the cache
    handed_on_ += count;
    stored_ = window;
    seen_.clear();
}

void FlowExporter::close() {
    std::vector<FlowRecord> left;
    cache_.drain(EndReason::forced, left);
    handed_on_ += left.size();
    outlet_.store(std::move(left));
    outlet_.close();
}

} // namespace dynmon
