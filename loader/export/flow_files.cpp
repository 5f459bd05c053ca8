#include "export/flow_files.hpp"

#include <utility>

#include "base/log.hpp"
#include "export/flow_csv.hpp"

namespace dynmon {

std::vector<std::string> FlowFiles::write() {
    if (waiting_.empty())
        return {};
    const std::string name = "flows-iter" + std::to_string(iteration_) + ".csv";
    dir_.store({from_.monitor, from_.window, iteration_},
               {{name, std::string(flow_csv_header) + flow_csv_rows(waiting_)}});
    ++iteration_;
    waiting_.clear();
    told_ = false;
    return {name};
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
}

std::vector<std::string> FlowFiles::send() {
    try {
        return write();
    } catch (const Error& error) {
        if (!std::exchange(told_, true))
            log::warn(std::string(error.what()) + ": the flows wait" +
                      (keeps_ ? "" : " in the kernel"));
        if (keeps_)
            return {};
        waiting_.clear();
        throw SinkUnavailable(error);
    }
}

void FlowFiles::close() {
    try {
        write();
    } catch (Error& error) {
        error.during(std::to_string(waiting_.size()) + " flows are lost");
        throw;
    }
}

} // namespace dynmon
