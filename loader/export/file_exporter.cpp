// SPDX-License-Identifier: BSD-2-Clause
#include "export/file_exporter.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace dynmon {

namespace {

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

} // namespace

FileExporter::FileExporter(const std::string& folder, std::unique_ptr<WindowFormatter> formatter,
                           ReportWindow report)
    : dir_(folder), formatter_(std::move(formatter)), report_(std::move(report)),
      metrics_(formatter_->metrics()) {
    name_.iteration = dir_.next_iteration();
}

FileExporter::~FileExporter() = default;

void FileExporter::prepare(const std::vector<const MetricView*>& metrics) {
    queues_.clear();
    for (const std::string& needed : metrics_) {
        const auto has_name = [&](const MetricView* metric) { return metric->name == needed; };
        const auto found = std::find_if(metrics.begin(), metrics.end(), has_name);
        if (found == metrics.end())
            throw Error(ErrorKind::usage, "the monitor has no metric '" + needed +
                                              "', which profile '" + formatter_->profile() +
                                              "' needs")
                .hint(std::string("the probe `") + formatter_->probe() +
                      "` has it, or one of your own with the same metrics and fields");
        formatter_->begin(**found);
        if (is_queue_like((*found)->map_type))
            queues_.push_back(**found);
    }
}

void FileExporter::begin_document(const std::string& monitor, const Window& window) {
    began_ = Clock::now();
    name_.monitor = monitor;
    name_.window = window;
    repeated_ = dir_.has(monitor, window);
    formatter_->clear();
    missed_.clear();
    drained_.clear();
}

void FileExporter::begin_metric(const MetricView& metric) {
    role_ = Role::none;
    metric_ = metric.name;
    if (repeated_)
        return;
    if (std::find(metrics_.begin(), metrics_.end(), metric.name) != metrics_.end()) {
        formatter_->begin(metric);
        role_ = Role::rendered;
    } else if (MissedCounters::is_one(metric)) {
        missed_.begin(metric);
        role_ = Role::missed;
    }
}

DrainBuffer* FileExporter::room_for_drained(const MetricView& metric, std::size_t bytes) {
    if (role_ != Role::rendered)
        return nullptr;
    open_drained(metric, bytes);
    return drained_.back().get();
}

void FileExporter::open_drained(const MetricView& queue, std::size_t bytes) {
    const std::size_t size = queue.value.size;
    drained_.push_back(std::make_unique<DrainFile>(dir_.fd(), dir_.path(), queue.map_name,
                                                   name_.window, size, bytes));
    const auto left = drained_.back()->left_over();
    if (left.empty())
        return;
    formatter_->add({left.size() / size, nullptr, left.data(), 0, size});
    log::info(std::to_string(left.size() / size) +
              " packets that a run before had taken and not stored are in this window");
}

// A queue that a killed run has emptied is gone when its probe was replaced since.
void FileExporter::take_left_over() {
    if (!drained_.empty())
        return;
    for (const MetricView& queue : queues_) {
        if (!DrainFile::exists(dir_.fd(), queue.map_name, name_.window))
            continue;
        formatter_->begin(queue);
        open_drained(queue, queue.value.size);
    }
}

void FileExporter::entries(const Batch& batch) {
    if (role_ == Role::rendered)
        formatter_->add(batch);
    else if (role_ == Role::missed)
        missed_.add(batch);
    else if (!repeated_ && unused_.insert(metric_).second)
        log::warn("metric '" + metric_ + "' is not written: profile '" + formatter_->profile() +
                  "' has no use for it");
}

void FileExporter::end_document() {
    WindowReport report{.monitor = name_.monitor,
                        .window = name_.window,
                        .iteration = name_.iteration,
                        .repeated = repeated_,
                        .missed = missed_.counts()};
    const Clock::time_point read = Clock::now();
    if (!repeated_) {
        take_left_over();
        const WindowCounts counts = formatter_->counts();
        report.sessions = counts.sessions;
        report.packets = counts.packets;
        const std::vector<OutFile> files = formatter_->files(name_);
        if (!files.empty())
            dir_.store(name_, files);
        for (const OutFile& file : files)
            report.files.push_back(file.name);
        ++name_.iteration;
    }
    for (const auto& drained : drained_)
        drained->remove();
    drained_.clear();
    report.read_seconds = seconds_between(began_, read);
    report.write_seconds = seconds_between(read, Clock::now());
    report_(report);
}

} // namespace dynmon
