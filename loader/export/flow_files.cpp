// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_files.hpp"

#include <utility>

#include "base/counted.hpp"
#include "base/log.hpp"
#include "export/flow_csv.hpp"

namespace dynmon {

namespace {

constexpr std::size_t rows_at_once = 1u << 16; // bytes

} // namespace

std::vector<std::string> FlowFiles::write() {
    if (waiting_.empty() && runs_.empty())
        return {};
    const std::string name = "flows-iter" + std::to_string(iteration_) + ".csv";
    dir_.store({from_.monitor, from_.window, iteration_},
               {{.name = name,
                 .text = std::string(flow_csv_header),
                 .rest = [this](const OutFile::Put& put) { put_rows(put); }}});
    ++iteration_;
    is_counted_ = true;
    forget();
    told_ = false;
    return {name};
}

void FlowFiles::put_rows(const OutFile::Put& put) const {
    std::string rows;
    runs_.for_each(waiting_, [&](const FlowRecord& flow) {
        put_flow_csv_row(flow, rows);
        if (rows.size() >= rows_at_once) {
            put(rows);
            rows.clear();
        }
    });
    put(rows);
}

void FlowFiles::forget() {
    waiting_.clear();
    runs_.clear();
}

void FlowFiles::make_room() {
    try {
        write();
    } catch (const Error& error) {
        throw SinkUnavailable(error);
    }
}

void FlowFiles::add(std::vector<FlowRecord> flows, const FlowWindow& from) {
    waiting_.insert(waiting_.end(), flows.begin(), flows.end());
    from_ = from;
    is_counted_ = false;
}

void FlowFiles::tell(const Error& error) {
    if (!std::exchange(told_, true))
        log::warn(std::string(error.what()) + ": the flows wait" +
                  (keeps_ ? "" : " in the kernel"));
}

void FlowFiles::give_up(const Error& error) {
    tell(error);
    forget();
    throw SinkUnavailable(error);
}

void FlowFiles::send_part() {
    try {
        runs_.add(std::move(waiting_));
        waiting_.clear();
    } catch (const Error& error) {
        give_up(error);
    }
}

std::vector<std::string> FlowFiles::send() {
    std::vector<std::string> files;
    try {
        files = write();
    } catch (const Error& error) {
        if (!keeps_)
            give_up(error);
        tell(error);
    }
    if (!std::exchange(is_counted_, true)) // a window takes a number, also without a file
        ++iteration_;
    return files;
}

void FlowFiles::close(bool is_saved) {
    try {
        write();
    } catch (Error& error) {
        const std::string flows = counted(waiting_.size(), "flow");
        error.during(is_saved ? "write the last " + flows : flows + " lost");
        if (!is_saved) // the window is gone from the kernel
            error.hint("make room first; with --state the next export has them");
        throw;
    }
}

} // namespace dynmon
