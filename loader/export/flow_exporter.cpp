// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_exporter.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "export/session.hpp"

namespace dynmon {

namespace {

// Nanoseconds of the unit of a time since the epoch.
std::uint64_t unit_of(const MetricView& metric, const char* name) {
    switch (find_field(metric.value, name)->semantic) {
    case Semantic::time_ns:
        return 1;
    case Semantic::time_us:
        return 1'000;
    case Semantic::time_ms:
        return 1'000'000;
    case Semantic::time_s:
        return 1'000'000'000;
    default:
        throw Error(ErrorKind::usage, "metric '" + metric.name + "' has no time since the epoch " +
                                          "in 'value." + name + "', which flows need")
            .hint("give it the type dynmon_time_ns_t and set it to dynmon_now()");
    }
}

} // namespace

FlowFields::FlowFields(const MetricView& metric, std::string_view profile)
    : egress_(metric.direction == Direction::egress ? 1 : 0) {
    const FieldFinder find(metric, "profile '" + std::string(profile) + "'");
    saddr_ = find.address("key.saddr");
    daddr_ = find.address("key.daddr");
    proto_ = find.number("key.proto");
    sport_ = find.number_if_any("key.sport");
    dport_ = find.number_if_any("key.dport");
    ip_version_ = find.number_if_any("key.ip_version");
    vlan_ = find.number_if_any("key.vlan");
    first_ = find.number("value.first");
    last_ = find.number("value.last");
    first_unit_ns_ = unit_of(metric, "first");
    last_unit_ns_ = unit_of(metric, "last");
    packets_ = find.number_if_any("value.wire_packets");
    if (!packets_)
        packets_ = find.number("value.packets");
    bytes_ = find.number("value.bytes");
    tcp_flags_ = find.number_if_any("value.tcp_flags");
    tos_ = find.number_if_any("value.tos");
    flows_ = find.number_if_any("value.flows");
    if (metric.stays)
        throw Error(ErrorKind::usage, "metric '" + metric.name + "' is not emptied when it is " +
                                          "read: every window would count its flows again")
            .hint("give it extraction-options: {empty-on-read: true}");
}

FlowRecord FlowFields::read(const Row& row) const {
    FlowRecord flow;
    flow.key.saddr = saddr_.address(row.key);
    flow.key.daddr = daddr_.address(row.key);
    flow.key.sport = static_cast<std::uint16_t>(sport_.number(row.key));
    flow.key.dport = static_cast<std::uint16_t>(dport_.number(row.key));
    flow.key.vlan = static_cast<std::uint16_t>(vlan_.number(row.key));
    flow.key.proto = static_cast<std::uint8_t>(proto_.number(row.key));
    flow.key.ip_version = version_of(ip_version_, row.key, flow.key.saddr, flow.key.daddr);
    if (is_icmp(flow.key) && !dport_)
        flow.key.dport = icmp_unknown;
    flow.key.egress = egress_;
    flow.first_ns = first_.number(row.value) * first_unit_ns_;
    flow.last_ns = last_.number(row.value) * last_unit_ns_;
    flow.packets = packets_.number(row.value);
    flow.bytes = bytes_.number(row.value);
    flow.tcp_flags = static_cast<std::uint8_t>(tcp_flags_.number(row.value));
    flow.tos = static_cast<std::uint8_t>(tos_.number(row.value));
    flow.flows = std::max(static_cast<std::uint32_t>(flows_.number(row.value)), 1u);
    return flow;
}

namespace {

constexpr std::size_t part = 16384; // flows, of a window of which nothing is kept

// Nothing when `metric` is no flow table; the first fault is noted, unless there is one of a metric
// called flows, which it was probably meant to be.
std::optional<FlowFields> flow_fields(const MetricView& metric, const FlowSink& sink,
                                      std::optional<Error>& fault) {
    try {
        return FlowFields(metric, sink.profile());
    } catch (const Error& error) {
        if (!fault || metric.name == "flows")
            fault = error;
        return std::nullopt;
    }
}

} // namespace

FlowExporter::FlowExporter(TimeOuts time_outs, std::size_t max_flows, FlowSink& sink,
                           ReportWindow report, std::optional<FlowState> state)
    : cache_(time_outs, max_flows), sink_(sink), report_(std::move(report)),
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
    if (!left.empty() && !sink_.has(at_)) // else it had got what waited
        sink_.add(std::move(left), at_);
}

// The window as it was seen, before anything of it is counted: if that fails it comes again.
void FlowExporter::save_before() {
    if (!state_)
        return;
    try {
        state_->save(at_.window, cache_.flows(), seen_, sink_.waiting());
        told_ = false;
    } catch (const Error& error) {
        if (!std::exchange(told_, true))
            log::warn(std::string(error.what()) + ": windows stay in the kernel until flows can be "
                                                  "saved");
        throw SinkUnavailable(error);
    }
}

// What has left the cache, before it is sent and after. False: it cannot be saved. The file from
// before has it as seen: none is lost, but a kill now would send it again.
bool FlowExporter::save_counted() {
    if (!state_)
        return true;
    try {
        state_->save(at_.window, cache_.flows(), {}, sink_.waiting());
        return true;
    } catch (const Error& error) {
        if (!std::exchange(told_, true))
            log::warn(std::string(error.what()) + ": flows wait until they can be saved");
        return false;
    }
}

// What goes out at the end, so that a kill sends no file twice. False: it cannot be saved.
bool FlowExporter::save_rest() const {
    try {
        state_->save(*stored_, cache_.flows(), {}, sink_.waiting());
        return true;
    } catch (const Error& error) {
        log::warn(error.what());
        return false;
    }
}

void FlowExporter::prepare(const std::vector<const MetricView*>& metrics) {
    std::optional<Error> fault;
    for (const MetricView* metric : metrics)
        if (flow_fields(*metric, sink_, fault))
            return sink_.make_room();
    throw fault ? *fault : Error(ErrorKind::usage, "the monitor has no metric");
}

void FlowExporter::begin_document(const std::string& monitor, const Window& window) {
    began_ = Clock::now();
    at_ = {monitor, window};
    seen_.clear(); // of a window that was given up
    if (!keeps_)
        sink_.forget();
    missed_.clear();
    repeated_ = is_repeated();
    left_flows_ = left_packets_ = 0;
}

void FlowExporter::begin_metric(const MetricView& metric) {
    std::optional<Error> fault;
    counts_missed_ = MissedCounters::is_one(metric);
    if (counts_missed_)
        return missed_.begin(metric);
    rows_.emplace(metric);
    fields_ = flow_fields(rows_->view(), sink_, fault);
    if (!fields_ && unused_.insert(metric.name).second)
        log::warn("metric '" + metric.name + "' is taken and goes nowhere: it is no flow table");
}

void FlowExporter::entries(const Batch& batch) {
    if (counts_missed_)
        return missed_.add(batch);
    if (!fields_ || repeated_)
        return;
    rows_->for_each(batch, [this](const Row& row) {
        const FlowRecord flow = fields_->read(row);
        if (flow.packets > 0) // of CPUs that are kept apart, those that saw some
            seen_.push_back(flow);
        if (!keeps_ && sink_.takes_parts() && seen_.size() >= part) {
            hand_on_seen();
            sink_.send_part();
        }
    });
}

// Without time-outs: nothing of the window is kept here.
void FlowExporter::hand_on_seen() {
    for (FlowRecord& flow : seen_) {
        flow.reason = cache_.end_of(flow, at_.window.to_ns);
        left_packets_ += flow.packets;
    }
    left_flows_ += seen_.size();
    sink_.add(std::move(seen_), at_);
    seen_.clear();
}

void FlowExporter::end_metric(std::uint64_t) {
    rows_.reset();
    fields_.reset();
}

bool FlowExporter::is_repeated() const {
    const Window& window = at_.window;
    const bool again = stored_ && stored_->generation == window.generation &&
                       stored_->sequence == window.sequence && stored_->to_ns == window.to_ns;
    return again || sink_.has(at_);
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
    if (keeps_) {
        std::vector<FlowRecord> left;
        for (const FlowRecord& flow : seen_)
            cache_.add(flow, left);
        cache_.expire(at_.window.to_ns, left);
        for (const FlowRecord& flow : left)
            left_packets_ += flow.packets;
        left_flows_ = left.size();
        sink_.add(std::move(left), at_);
    } else {
        hand_on_seen();
    }
    report.sessions = left_flows_;
    report.packets = left_packets_;
}

void FlowExporter::end_document() {
    const Clock::time_point read = Clock::now();
    WindowReport report{.monitor = at_.monitor,
                        .window = at_.window,
                        .iteration = sink_.iteration(at_.window),
                        .repeated = repeated_,
                        .unit = "flow",
                        .missed = missed_.counts()};
    if (!repeated_) {
        save_before();
        add_up(report);
        if (keeps_) // whatever happens now, its flows are counted
            stored_ = at_.window;
    }
    const std::size_t waiting = sink_.waiting().size();
    if (left_flows_ == 0 || save_counted())
        report.files =
            sink_.send(); // if it throws and keeps nothing, the cache keeps nothing either
    stored_ = at_.window;
    if (sink_.waiting().size() != waiting)
        save_counted();
    seen_.clear();
    report.read_seconds = std::chrono::duration<double>(read - began_).count();
    report.write_seconds = std::chrono::duration<double>(Clock::now() - read).count();
    report_(report);
}

void FlowExporter::close() {
    std::vector<FlowRecord> left;
    cache_.drain(EndReason::forced, left);
    sink_.add(std::move(left), {at_.monitor, at_.window}); // what it missed was reported with it
    const bool saved = state_ && stored_ && save_rest();   // if not, it is sent anyway
    try {
        sink_.close(saved);
    } catch (Error& error) {
        if (saved)
            error.hint("they are in " + state_->path() + ", and go with the next export");
        throw;
    }
    if (state_)
        state_->remove();
}

} // namespace dynmon
