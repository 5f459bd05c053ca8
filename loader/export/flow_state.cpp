// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "export/file.hpp"
#include "object/way.hpp"

namespace dynmon {

namespace {

// Of this machine and this version: whoever reads it is the same program as a rule.
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
    // What a killed run left, or somebody else put there, is not written to.
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

} // namespace dynmon
