// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_runs.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "export/file.hpp"

namespace dynmon {

namespace {

constexpr const char* runs_file = ".dynmon-flows";
constexpr std::size_t flows_at_once = 64; // flows of a run

void sort_by_first(std::vector<FlowRecord>& flows) {
    std::stable_sort(flows.begin(), flows.end(), [](const FlowRecord& a, const FlowRecord& b) {
        return a.first_ns < b.first_ns;
    });
}

} // namespace

struct FlowRuns::Run {
    std::vector<FlowRecord> flows; // the next ones
    std::size_t at = 0;            // of them
    std::uint64_t next = 0;        // record of the file behind them
    std::uint64_t end = 0;

    const FlowRecord& first() const { return flows[at]; }
};

std::string FlowRuns::file_path() const {
    return path_ + "/" + runs_file;
}

void FlowRuns::open() {
    // What a run left that was killed in between, or what somebody else put there.
    if (::unlinkat(folder_, runs_file, 0) != 0 && errno != ENOENT)
        fail_on_file("remove", file_path());
    Fd file = open_file(folder_, runs_file, O_RDWR | O_CREAT | O_EXCL, path_, 0600);
    if (::unlinkat(folder_, runs_file, 0) != 0)
        fail_on_file("remove", file_path());
    file_ = std::move(file);
}

void FlowRuns::add(std::vector<FlowRecord> flows) {
    if (flows.empty())
        return;
    if (!file_)
        open();
    sort_by_first(flows);
    const std::uint64_t before = ends_.empty() ? 0 : ends_.back();
    if (::lseek(file_.get(), static_cast<off_t>(before * sizeof(FlowRecord)), SEEK_SET) < 0)
        fail_on_file("write", file_path());
    write_whole(file_.get(),
                std::string_view(reinterpret_cast<const char*>(flows.data()),
                                 flows.size() * sizeof(FlowRecord)),
                file_path());
    ends_.push_back(before + flows.size());
}

void FlowRuns::clear() {
    ends_.clear();
    file_.reset();
}

void FlowRuns::fill(Run& run) const {
    run.at = 0;
    run.flows.resize(std::min<std::uint64_t>(flows_at_once, run.end - run.next));
    char* to = reinterpret_cast<char*>(run.flows.data());
    std::size_t left = run.flows.size() * sizeof(FlowRecord);
    std::uint64_t from = run.next * sizeof(FlowRecord);
    run.next += run.flows.size();
    while (left > 0) {
        const ssize_t got = ::pread(file_.get(), to, left, static_cast<off_t>(from));
        if (got == 0)
            errno = EIO; // it has become shorter
        if (got == 0 || (got < 0 && errno != EINTR))
            fail_on_file("read", file_path());
        const auto bytes = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        to += bytes;
        from += bytes;
        left -= bytes;
    }
}

void FlowRuns::for_each(std::vector<FlowRecord> last,
                        const std::function<void(const FlowRecord&)>& each) const {
    std::vector<Run> runs;
    for (std::size_t i = 0; i < ends_.size(); ++i) {
        Run& run = runs.emplace_back();
        run.next = i == 0 ? 0 : ends_[i - 1];
        run.end = ends_[i];
        fill(run);
    }
    sort_by_first(last);
    runs.emplace_back().flows = std::move(last);
    std::erase_if(runs, [](const Run& run) { return run.flows.empty(); });
    std::vector<std::size_t> heap; // the run whose next flow is the earliest is in front
    for (std::size_t i = 0; i < runs.size(); ++i)
        heap.push_back(i);
    const auto later = [&](std::size_t a, std::size_t b) {
        return std::pair(runs[a].first().first_ns, a) > std::pair(runs[b].first().first_ns, b);
    };
    std::make_heap(heap.begin(), heap.end(), later);
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end(), later);
        Run& run = runs[heap.back()];
        each(run.first());
        if (++run.at == run.flows.size() && run.next < run.end)
            fill(run);
        if (run.at < run.flows.size())
            std::push_heap(heap.begin(), heap.end(), later);
        else
            heap.pop_back();
    }
}

} // namespace dynmon
