// SPDX-License-Identifier: BSD-2-Clause
#include "control/window_log.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "kernel/bpf.hpp"
#include "kernel/clock.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t only_element = 0;
constexpr int most_tries = 10;

std::string index_path(const std::string& dir) {
    return dir + "/readers";
}
std::string chunks_path(const std::string& dir) {
    return dir + "/windows";
}

std::string_view name_of(const NamedReader& reader) {
    return {reader.name.data(), strnlen(reader.name.data(), reader.name.size())};
}

std::uint32_t chunks_for(std::uint64_t bytes, std::size_t chunk) {
    return static_cast<std::uint32_t>(std::max<std::uint64_t>((bytes + chunk - 1) / chunk, 1));
}

} // namespace

WindowLog::WindowLog(std::string monitor_dir, Fd index, Fd chunks)
    : dir_(std::move(monitor_dir)), index_map_(std::move(index)), chunk_map_(std::move(chunks)),
      chunks_(map_facts(chunk_map_).max_entries) {
    load();
}

// The index is pinned last and goes first: where it is, the chunks are.
std::optional<WindowLog> WindowLog::open(const std::string& monitor_dir) {
    if (!exists(index_path(monitor_dir)))
        return std::nullopt;
    Fd index = open_own_map(index_path(monitor_dir),
                            {.type = BPF_MAP_TYPE_ARRAY, .value_size = sizeof(Index)})
                   .fd;
    Fd chunks = open_own_map(chunks_path(monitor_dir),
                             {.type = BPF_MAP_TYPE_ARRAY, .value_size = chunk_bytes})
                    .fd;
    return WindowLog(monitor_dir, std::move(index), std::move(chunks));
}

WindowLog WindowLog::make(const std::string& monitor_dir, std::uint64_t bytes) {
    Fd chunks = create_map({.type = BPF_MAP_TYPE_ARRAY,
                            .name = "dynmon_windows",
                            .value_size = chunk_bytes,
                            .max_entries = chunks_for(bytes, chunk_bytes)});
    Fd index = create_map(
        {.type = BPF_MAP_TYPE_ARRAY, .name = "dynmon_readers", .value_size = sizeof(Index)});
    const Index empty;
    update_element(index, &only_element, &empty);
    remove_pin(chunks_path(monitor_dir)); // of a process that was killed here
    pin(chunks, chunks_path(monitor_dir));
    pin(index, index_path(monitor_dir));
    return WindowLog(monitor_dir, std::move(index), std::move(chunks));
}

// `status` looks without a lock, and may do so while the index is being written.
void WindowLog::load() {
    for (int tries = 0; tries < most_tries; ++tries) {
        if (!lookup_element(index_map_, &only_element, &index_))
            throw Error(ErrorKind::failed, index_path(dir_) + " cannot be read");
        if (index_.version != Index{}.version)
            throw Error(ErrorKind::unsupported,
                        index_path(dir_) + " was written by another version of dynmon");
        if (is_sound())
            return;
    }
    throw Damaged(index_path(dir_) + " holds nothing that dynmon writes");
}

bool WindowLog::is_sound() const {
    if (index_.count > most_windows)
        return false;
    for (std::size_t i = 0; i < index_.count; ++i) {
        const LoggedWindow& one = index_.windows[i];
        if (one.first_chunk >= chunks_ || one.bytes > capacity() ||
            one.serial > index_.last_serial ||
            (i > 0 && index_.windows[i - 1].serial >= one.serial))
            return false;
    }
    for (const NamedReader& one : index_.readers)
        if (one.name.back() != 0 || (one.name[0] != 0 && !is_identifier(one.name.data())))
            return false;
    return used_chunks() <= chunks_;
}

void WindowLog::write() const {
    update_element(index_map_, &only_element, &index_);
}

std::vector<NamedReader> WindowLog::readers() const {
    std::vector<NamedReader> found;
    for (const NamedReader& one : index_.readers)
        if (!name_of(one).empty())
            found.push_back(one);
    return found;
}

const NamedReader* WindowLog::find(const std::string& reader) const {
    for (const NamedReader& one : index_.readers)
        if (name_of(one) == reader)
            return &one;
    return nullptr;
}

NamedReader* WindowLog::reader(const std::string& name) {
    for (NamedReader& one : index_.readers)
        if (name_of(one) == name)
            return &one;
    throw Error(ErrorKind::failed, "there is no reader '" + name + "'");
}

void WindowLog::add(const std::string& reader, std::uint64_t now_ns) {
    for (NamedReader& one : index_.readers) {
        if (!name_of(one).empty())
            continue;
        one = NamedReader{};
        reader.copy(one.name.data(), one.name.size() - 1);
        one.taken = index_.last_serial;
        one.read_ns = now_ns;
        one.keep_ns = usual_keep_ns;
        return write();
    }
    throw Error(ErrorKind::usage,
                "a monitor has " + std::to_string(most_readers) + " named readers at most")
        .hint("`dynmon-load status` lists them; `read NAME --as READER --forget` removes one");
}

void WindowLog::set_keep(const std::string& name, std::uint64_t keep_ns) {
    NamedReader* const one = reader(name);
    if (std::exchange(one->keep_ns, keep_ns) != keep_ns)
        write();
}

void WindowLog::remove(const std::string& name) {
    *reader(name) = NamedReader{};
    drop_taken();
    write();
    if (!readers().empty())
        return;
    remove_pin(index_path(dir_));
    remove_pin(chunks_path(dir_));
}

// A window keeps its number, also when another generation goes on with its maps meanwhile.
bool WindowLog::has(const Window& window) const {
    return index_.last.sequence == window.sequence && index_.last.to_ns == window.to_ns;
}

bool WindowLog::has_generation(std::uint32_t generation) const {
    return std::any_of(
        index_.windows.begin(), index_.windows.begin() + index_.count,
        [&](const LoggedWindow& one) { return one.window.generation == generation; });
}

std::uint32_t WindowLog::used_chunks() const {
    std::uint64_t used = 0;
    for (std::size_t i = 0; i < index_.count; ++i)
        used += chunks_for(index_.windows[i].bytes, chunk_bytes);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(used, UINT32_MAX));
}

std::uint64_t WindowLog::lose_oldest() {
    const std::uint64_t serial = index_.windows[0].serial;
    std::uint64_t late = 0;
    for (NamedReader& one : index_.readers)
        if (!name_of(one).empty() && one.taken < serial) {
            one.taken = serial;
            ++one.lost;
            ++late;
        }
    drop_taken();
    return late;
}

// A window leaves when every reader has it.
void WindowLog::drop_taken() {
    std::uint64_t all = index_.last_serial;
    for (const NamedReader& one : index_.readers)
        if (!name_of(one).empty())
            all = std::min(all, one.taken);
    const auto end = index_.windows.begin() + index_.count;
    const auto kept = std::find_if(index_.windows.begin(), end,
                                   [&](const LoggedWindow& one) { return one.serial > all; });
    index_.count = static_cast<std::uint32_t>(std::move(kept, end, index_.windows.begin()) -
                                              index_.windows.begin());
}

// What is given up is written before its chunks are written to, and what is new after its own.
void WindowLog::append(const Window& window, const std::vector<std::byte>& bytes,
                       std::uint64_t now_ns) {
    const std::uint32_t wanted = chunks_for(bytes.size(), chunk_bytes);
    if (wanted > chunks_)
        throw Error(ErrorKind::failed, "a window of " + std::to_string(bytes.size()) +
                                           " bytes does not fit into the " +
                                           std::to_string(capacity()) +
                                           " that named readers have for theirs")
            .hint("remove all of them with --forget, and name the first one again with a larger "
                  "--keep-memory");
    std::uint64_t late = 0;
    while (index_.count == most_windows || chunks_ - used_chunks() < wanted)
        late += lose_oldest();
    write();
    if (late > 0)
        log::warn("no room is left for windows that named readers have not taken: " +
                  counted(late, "window") + " lost by those that are late");
    LoggedWindow added{.serial = index_.last_serial + 1,
                       .window = window,
                       .logged_ns = now_ns,
                       .bytes = bytes.size()};
    if (index_.count > 0) {
        const LoggedWindow& before = index_.windows[index_.count - 1];
        added.first_chunk = (before.first_chunk + chunks_for(before.bytes, chunk_bytes)) % chunks_;
    }
    std::vector<std::byte> chunk(chunk_bytes);
    for (std::uint32_t i = 0; i < wanted; ++i) {
        const std::size_t at = std::size_t{i} * chunk_bytes;
        const std::size_t length = std::min(chunk_bytes, bytes.size() - at);
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, chunk.begin());
        const std::uint32_t key = (added.first_chunk + i) % chunks_;
        update_element(chunk_map_, &key, chunk.data());
    }
    index_.windows[index_.count++] = added;
    index_.last_serial = added.serial;
    index_.last = window;
    write();
}

void WindowLog::expire(std::uint64_t now_ns, const std::string& reader) {
    bool changed = false;
    for (NamedReader& one : index_.readers) {
        if (name_of(one).empty() || name_of(one) == reader)
            continue;
        std::uint64_t late = 0;
        for (std::size_t i = 0; i < index_.count; ++i) {
            const LoggedWindow& window = index_.windows[i];
            if (window.serial > one.taken && window.logged_ns + one.keep_ns < now_ns) {
                one.taken = window.serial;
                ++late;
            }
        }
        one.lost += late;
        changed = changed || late > 0;
        if (late > 0)
            log::warn("reader '" + std::string(name_of(one)) + "' has not come for " +
                      counted(late, "window") + " in time, and has lost them");
    }
    if (!changed)
        return;
    drop_taken();
    write();
}

std::vector<LoggedWindow> WindowLog::waiting(const std::string& name) const {
    std::vector<LoggedWindow> found;
    const NamedReader* const one = find(name);
    for (std::size_t i = 0; one != nullptr && i < index_.count; ++i)
        if (index_.windows[i].serial > one->taken)
            found.push_back(index_.windows[i]);
    return found;
}

std::vector<std::byte> WindowLog::bytes_of(const LoggedWindow& window) const {
    const std::uint32_t count = chunks_for(window.bytes, chunk_bytes);
    std::vector<std::byte> bytes(std::size_t{count} * chunk_bytes);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t key = (window.first_chunk + i) % chunks_;
        if (!lookup_element(chunk_map_, &key, bytes.data() + std::size_t{i} * chunk_bytes))
            throw Damaged(chunks_path(dir_) + " cannot be read");
    }
    bytes.resize(window.bytes);
    return bytes;
}

void WindowLog::took(const std::string& name, std::uint64_t serial, std::uint64_t now_ns) {
    NamedReader* const one = reader(name);
    one->taken = std::max(one->taken, serial);
    one->read_ns = now_ns;
    drop_taken();
    write();
}

std::uint64_t WindowLog::tell_lost(const std::string& name) {
    NamedReader* const one = reader(name);
    const std::uint64_t news = one->lost - one->told;
    if (news > 0) {
        one->told = one->lost;
        write();
    }
    return news;
}

bool log_has_generation(const std::string& monitor_dir, std::uint32_t generation) {
    const auto log = WindowLog::open(monitor_dir);
    return log && log->has_generation(generation);
}

namespace {

// All parts begin at a multiple of 8 bytes.
struct MetricHead {
    std::uint32_t direction;
    std::uint32_t map_type;
    std::uint32_t key_size;
    std::uint32_t value_size;
    std::uint64_t from_ns;
    std::uint64_t timestamp_us;
    std::uint32_t name_bytes; // behind this
    std::uint32_t batches;    // behind that
    std::uint32_t max_entries;
    std::uint32_t reserved;
};

struct BatchHead {
    std::uint64_t count;
    std::uint64_t key_stride; // 0: there are no keys
    std::uint64_t value_stride;
};

constexpr std::size_t padded(std::size_t bytes) {
    return (bytes + 7) / 8 * 8;
}

void put(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
    const auto* const from = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), from, from + size);
    bytes.resize(padded(bytes.size()));
}

MetricHead head_at(const std::vector<std::byte>& bytes, std::size_t at) {
    MetricHead head;
    std::memcpy(&head, bytes.data() + at, sizeof head);
    return head;
}

// Takes parts off the front.
class Parts {
public:
    explicit Parts(const std::vector<std::byte>& bytes) : bytes_(bytes) {}
    bool is_empty() const { return at_ == bytes_.size(); }

    const std::byte* take(std::size_t size) {
        if (size > bytes_.size() - at_)
            throw Damaged("a window that waits for named readers is none that dynmon writes");
        const std::byte* const part = bytes_.data() + at_;
        at_ = std::min(at_ + padded(size), bytes_.size());
        return part;
    }
    const std::byte* take(std::uint64_t count, std::uint64_t size) {
        if (size != 0 && count > bytes_.size() / size)
            take(std::numeric_limits<std::size_t>::max()); // throws
        return take(count * size);
    }
    template <typename Head>
    Head take_head() {
        static_assert(std::is_trivially_copyable_v<Head>);
        Head head;
        std::memcpy(&head, take(sizeof head), sizeof head);
        return head;
    }

private:
    const std::vector<std::byte>& bytes_;
    std::size_t at_ = 0;
};

} // namespace

void LogWriter::begin_document(const std::string&, const Window& window) {
    window_ = window;
    bytes_.clear();
}

void LogWriter::begin_metric(const MetricView& metric) {
    head_ = bytes_.size();
    const MetricHead head{static_cast<std::uint32_t>(metric.direction),
                          static_cast<std::uint32_t>(metric.map_type),
                          metric.key ? static_cast<std::uint32_t>(metric.key->size) : 0,
                          static_cast<std::uint32_t>(metric.value.size),
                          metric.from_ns,
                          0,
                          static_cast<std::uint32_t>(metric.name.size()),
                          0,
                          metric.max_entries,
                          0};
    put(bytes_, &head, sizeof head);
    put(bytes_, metric.name.data(), metric.name.size());
}

void LogWriter::entries(const Batch& batch) {
    if (batch.count == 0)
        return;
    const BatchHead head{batch.count, batch.keys == nullptr ? 0 : batch.key_stride,
                         batch.value_stride};
    put(bytes_, &head, sizeof head);
    if (batch.keys != nullptr)
        put(bytes_, batch.keys, batch.count * batch.key_stride);
    put(bytes_, batch.values, batch.count * batch.value_stride);
    MetricHead metric = head_at(bytes_, head_);
    ++metric.batches;
    std::memcpy(bytes_.data() + head_, &metric, sizeof metric);
}

void LogWriter::end_metric(std::uint64_t timestamp_us) {
    MetricHead metric = head_at(bytes_, head_);
    metric.timestamp_us = timestamp_us;
    std::memcpy(bytes_.data() + head_, &metric, sizeof metric);
}

void LogWriter::end_document() {
    if (!log_.has(window_))
        log_.append(window_, bytes_, epoch_ns());
    bytes_.clear();
}

std::vector<LoggedMetric> read_logged(const std::vector<std::byte>& bytes) {
    std::vector<LoggedMetric> metrics;
    Parts parts(bytes);
    while (!parts.is_empty()) {
        const auto head = parts.take_head<MetricHead>();
        LoggedMetric metric;
        metric.direction = head.direction == static_cast<std::uint32_t>(Direction::egress)
                               ? Direction::egress
                               : Direction::ingress;
        metric.facts.type = static_cast<MapType>(head.map_type);
        metric.facts.key_size = head.key_size;
        metric.facts.value_size = head.value_size;
        metric.facts.max_entries = head.max_entries;
        metric.from_ns = head.from_ns;
        metric.timestamp_us = head.timestamp_us;
        metric.name.assign(reinterpret_cast<const char*>(parts.take(head.name_bytes)),
                           head.name_bytes);
        for (std::uint32_t i = 0; i < head.batches; ++i) {
            const auto batch = parts.take_head<BatchHead>();
            Batch entries;
            entries.count = batch.count;
            entries.key_stride = batch.key_stride;
            entries.value_stride = batch.value_stride;
            if (batch.key_stride != 0)
                entries.keys = parts.take(batch.count, batch.key_stride);
            entries.values = parts.take(batch.count, batch.value_stride);
            metric.entries.push_back(entries);
        }
        metrics.push_back(std::move(metric));
    }
    return metrics;
}

} // namespace dynmon
