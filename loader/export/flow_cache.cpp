// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_cache.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "export/output_dir.hpp"
#include "object/traced_code.hpp"

namespace dynmon {

namespace {

// In the layout of this machine and this version: as a rule the same program reads it.
struct Header {
    char magic[16] = "dynmon flows 1";
    std::uint64_t record_size = sizeof(FlowRecord);
    std::uint64_t name_size = 0; // of the monitor; its name follows
    Window stored;
    std::uint64_t cached = 0; // records behind the name
    std::uint64_t waiting = 0;
};
constexpr std::size_t longest_name = 255;
constexpr std::uint64_t most_records = std::uint64_t{1} << 28; // more than any machine keeps
static_assert(std::is_trivially_copyable_v<Header> && std::is_trivially_copyable_v<FlowRecord>);

void put(const void* bytes, std::size_t size, std::string& out) {
    out.append(static_cast<const char*>(bytes), size);
}

std::vector<FlowRecord> take_records(std::string_view& from, std::size_t count) {
    std::vector<FlowRecord> records(count);
    std::copy_n(from.data(), count * sizeof(FlowRecord), reinterpret_cast<char*>(records.data()));
    from.remove_prefix(count * sizeof(FlowRecord));
    return records;
}

} // namespace

std::string FlowState::folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

FlowState::FlowState(const std::string& path, std::string monitor)
    : path_(path), monitor_(std::move(monitor)), in_(folder_of(path)) {
    const std::size_t slash = path.rfind('/');
    name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    folder_ = Fd(::open(in_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder_)
        fail_on_file("open", in_);
    require_own_way(folder_.get(), in_);
}

std::optional<SavedFlows> FlowState::load() const {
    const Fd file = try_open_file(folder_.get(), name_, O_RDONLY, in_);
    if (!file)
        return std::nullopt;
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        fail_on_file("look at", path_);
    const auto refuse = [&](const std::string& fault) {
        return Error(ErrorKind::usage, path_ + ' ' + fault).hint("name another file, or remove it");
    };
    const Header expected;
    Header header;
    if (::pread(file.get(), &header, sizeof header, 0) != sizeof header)
        throw refuse("holds no flows");
    if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 ||
        header.record_size != expected.record_size || header.name_size > longest_name)
        throw refuse("holds no flows, or those of another version");
    if (header.cached > most_records || header.waiting > most_records)
        throw refuse("is damaged: no export keeps so many flows");
    // Its own words say how long it is, before any memory is taken for it.
    const std::size_t size =
        sizeof header + header.name_size + (header.cached + header.waiting) * sizeof(FlowRecord);
    if (static_cast<std::uintmax_t>(status.st_size) != size)
        throw refuse("is damaged: it has " + std::to_string(status.st_size) + " bytes, not " +
                     std::to_string(size));
    const std::string text = read_whole(file, path_, size);
    if (text.size() != size)
        throw refuse("is damaged: it became shorter while it was read");
    std::string_view rest = std::string_view(text).substr(sizeof header);
    const std::string_view monitor = rest.substr(0, header.name_size);
    rest.remove_prefix(header.name_size);
    if (monitor != monitor_)
        throw refuse("holds the flows of monitor '" + std::string(monitor) + "'");
    SavedFlows saved{header.stored, take_records(rest, header.cached), {}};
    saved.waiting = take_records(rest, header.waiting);
    return saved;
}

void FlowState::save(const Window& stored, const std::list<FlowRecord>& cached,
                     const std::vector<FlowRecord>& seen,
                     const std::vector<FlowRecord>& waiting) const {
    Header header;
    header.name_size = monitor_.size();
    header.stored = stored;
    header.cached = cached.size() + seen.size();
    header.waiting = waiting.size();
    std::string text;
    put(&header, sizeof header, text);
    text += monitor_;
    for (const FlowRecord& flow : cached)
        put(&flow, sizeof flow, text);
    for (const FlowRecord& flow : seen)
        put(&flow, sizeof flow, text);
    for (const FlowRecord& flow : waiting)
        put(&flow, sizeof flow, text);
    const std::string fresh = name_ + ".new";
    // What a killed run left, or another process put there, is not written to.
    if (::unlinkat(folder_.get(), fresh.c_str(), 0) != 0 && errno != ENOENT)
        fail_on_file("remove", path_ + ".new");
    const Fd file = open_file(folder_.get(), fresh, O_WRONLY | O_CREAT | O_EXCL, in_, 0600);
    write_whole(file.get(), text, path_ + ".new");
    sync_file(file.get(), path_ + ".new");
    if (::renameat(folder_.get(), fresh.c_str(), folder_.get(), name_.c_str()) != 0)
        fail_on_file("make", path_);
    sync_file(folder_.get(), in_);
}

void FlowState::remove() const {
    if (::unlinkat(folder_.get(), name_.c_str(), 0) != 0 && errno != ENOENT)
        fail_on_file("remove", path_);
}

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
    // What a killed run left, or another process put there.
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

namespace {

constexpr std::uint8_t fin = 1, rst = 4;

// Clocks of several CPUs, and of the window's end, may disagree a little.
std::uint64_t since(std::uint64_t then, std::uint64_t now) {
    return now > then ? now - then : 0;
}

void merge(FlowRecord& flow, const FlowRecord& seen) {
    if (seen.last_ns >= flow.last_ns)
        flow.tos = seen.tos;
    flow.first_ns = std::min(flow.first_ns, seen.first_ns);
    flow.last_ns = std::max(flow.last_ns, seen.last_ns);
    flow.packets += seen.packets;
    flow.bytes += seen.bytes;
    flow.tcp_flags |= seen.tcp_flags;
    flow.flows += seen.flows - 1; // the first one is what was there, going on
}

} // namespace

FlowCache::FlowCache(TimeOuts time_outs, std::size_t max_flows)
    : time_outs_(time_outs), max_flows_(std::max<std::size_t>(max_flows, 1)) {}

void FlowCache::add(const FlowRecord& seen, std::vector<FlowRecord>& left) {
    auto known = index_.find(seen.key);
    if (known != index_.end() && time_outs_.keeps() &&
        since(known->second->last_ns, seen.first_ns) >= time_outs_.idle_ns) {
        leave(known->second, EndReason::idle, left);
        known = index_.end();
    }
    if (known != index_.end()) {
        merge(*known->second, seen);
        flows_.splice(flows_.end(), flows_, known->second);
        return;
    }
    if (flows_.size() >= max_flows_)
        leave(flows_.begin(), EndReason::lack_of_memory, left);
    flows_.push_back(seen);
    index_.emplace(seen.key, std::prev(flows_.end()));
}

EndReason FlowCache::end_of(const FlowRecord& flow, std::uint64_t now_ns) const {
    if ((flow.tcp_flags & (fin | rst)) != 0)
        return EndReason::end_of_flow;
    if (!time_outs_.keeps()) // it may well go on in the next window
        return EndReason::active;
    if (since(flow.last_ns, now_ns) >= time_outs_.idle_ns)
        return EndReason::idle;
    if (since(flow.first_ns, now_ns) >= time_outs_.active_ns)
        return EndReason::active;
    return EndReason::none;
}

FlowCache::Flows::iterator FlowCache::leave(Flows::iterator flow, EndReason reason,
                                            std::vector<FlowRecord>& left) {
    left.push_back(*flow);
    left.back().reason = reason;
    index_.erase(flow->key);
    return flows_.erase(flow);
}

void FlowCache::expire(std::uint64_t now_ns, std::vector<FlowRecord>& left) {
    for (auto flow = flows_.begin(); flow != flows_.end();) {
        const EndReason reason = end_of(*flow, now_ns);
        flow = reason == EndReason::none ? std::next(flow) : leave(flow, reason, left);
    }
}

void FlowCache::drain(EndReason reason, std::vector<FlowRecord>& left) {
    for (auto flow = flows_.begin(); flow != flows_.end();)
        flow = leave(flow, reason, left);
}

} // namespace dynmon
