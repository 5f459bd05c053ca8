#include "profile/flow_exporter.hpp"

#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace dynmon {

namespace {

// Nothing when `metric` is no flow table; the first fault is noted, unless there is one of a metric
// called flows, which it was probably meant to be.
std::optional<FlowFields> flow_fields(const MetricView& metric, const FlowOutlet& outlet,
                                      std::optional<Error>& fault) {
    try {
        return FlowFields(metric, outlet.profile());
    } catch (const Error& error) {
        if (!fault || metric.name == "flows")
            fault = error;
        return std::nullopt;
    }
}

} // namespace

FlowExporter::FlowExporter(TimeOuts time_outs, std::size_t max_flows, FlowOutlet& outlet,
                           ReportWindow report, std::optional<FlowState> state)
    : cache_(time_outs, max_flows), outlet_(outlet), report_(std::move(report)),
      state_(std::move(state)), keeps_(time_outs.keeps()) {
    if (state_)
        restore();
}

void FlowExporter::restore() {
    std::optional<SavedFlows> saved = state_->load();
    if (!saved)
        return;
    stored_ = saved->stored;
    at_ = {state_->monitor(), saved->stored};
    std::vector<FlowRecord> left;
    for (const FlowRecord& flow : saved->cached)
        cache_.add(flow, left);
    left.insert(left.begin(), saved->waiting.begin(), saved->waiting.end());
    if (!outlet_.has(at_)) // else it had got what waited
        outlet_.add(std::move(left), at_);
}

void FlowExporter::save() const {
    if (!state_)
        return;
    try {
        state_->save(*stored_, cache_.flows(), outlet_.waiting());
    } catch (const Error& error) { // the window comes again, and all there is to do is this
        throw OutletAway(error);
    }
}

void FlowExporter::prepare(const std::vector<const MetricView*>& metrics) {
    std::optional<Error> fault;
    for (const MetricView* metric : metrics)
        if (flow_fields(*metric, outlet_, fault))
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
        return missed_.begin(metric);
    rows_.emplace(metric);
    fields_ = flow_fields(rows_->view(), outlet_, fault);
    if (!fields_ && unused_.insert(metric.name).second)
        log::warn("metric '" + metric.name + "' is taken and goes nowhere: it is no flow table");
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

// By their names: what found something full, and the rest. `estimated` is in the flows.
void FlowExporter::count_missed() {
    for (const auto& [name, count] : missed_.counts())
        if (name.ends_with("full"))
            at_.dropped += count;
        else if (name != "estimated")
            at_.ignored += count;
}

void FlowExporter::add_up(WindowReport& report) {
    count_missed();
    std::vector<FlowRecord> left;
    for (const FlowRecord& flow : seen_)
        cache_.add(flow, left);
    cache_.expire(at_.window.to_ns, left);
    report.sessions = left.size();
    for (const FlowRecord& flow : left)
        report.packets += flow.packets;
    outlet_.add(std::move(left), at_);
    ++windows_;
}

void FlowExporter::end_document() {
    const Clock::time_point read = Clock::now();
    WindowReport report{.monitor = at_.monitor,
                        .window = at_.window,
                        .iteration = windows_,
                        .repeated = is_repeated(),
                        .unit = "flow",
                        .missed = missed_.counts()};
    if (!report.repeated)
        add_up(report);
    if (keeps_) { // whatever happens now, its flows are counted
        stored_ = at_.window;
        save();
    }
    const std::size_t waiting = outlet_.waiting().size();
    report.files = outlet_.send(); // if it throws and keeps nothing, the cache has nothing either
    stored_ = at_.window;
    if (keeps_ && outlet_.waiting().size() != waiting)
        save();
    seen_.clear();
    report.read_seconds = std::chrono::duration<double>(read - began_).count();
    report.write_seconds = std::chrono::duration<double>(Clock::now() - read).count();
    report_(report);
}

void FlowExporter::close() {
    std::vector<FlowRecord> left;
    cache_.drain(EndReason::forced, left);
    outlet_.add(std::move(left), {at_.monitor, at_.window}); // what it missed was told with it
    try {
        if (stored_)
            save();
        outlet_.close();
    } catch (Error& error) {
        if (state_)
            error.hint("they are in " + state_->path() + ", and go with the next export");
        throw;
    }
    if (state_)
        state_->remove();
}

} // namespace dynmon
