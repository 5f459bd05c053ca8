#include "profile/flow_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "profile/file.hpp"

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

FlowState::FlowState(const std::string& path, std::string monitor)
    : path_(path), monitor_(std::move(monitor)) {
    const std::size_t slash = path.rfind('/');
    in_ = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    folder_ = Fd(::open(in_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder_)
        fail_on_file("open", in_);
}

std::optional<SavedFlows> FlowState::load() const {
    const auto text = read_small_file(folder_.get(), name_, in_);
    if (!text)
        return std::nullopt;
    const Header expected;
    Header header;
    std::string_view rest = *text;
    const auto refuse = [&](const std::string& fault) {
        return Error(ErrorKind::usage, path_ + ' ' + fault).hint("name another file, or remove it");
    };
    if (rest.size() < sizeof header)
        throw refuse("holds no flows");
    std::memcpy(&header, rest.data(), sizeof header);
    rest.remove_prefix(sizeof header);
    if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0 ||
        header.record_size != expected.record_size || header.name_size > rest.size())
        throw refuse("holds no flows, or those of another version");
    const std::string_view monitor = rest.substr(0, header.name_size);
    rest.remove_prefix(header.name_size);
    const std::size_t records = rest.size() / sizeof(FlowRecord);
    if (rest.size() % sizeof(FlowRecord) != 0 || header.cached > records ||
        header.waiting != records - header.cached)
        throw refuse("is damaged");
    if (monitor != monitor_)
        throw refuse("holds the flows of monitor '" + std::string(monitor) + "'");
    SavedFlows saved{header.stored, take_records(rest, header.cached), {}};
    saved.waiting = take_records(rest, header.waiting);
    return saved;
}

void FlowState::save(const Window& stored, const std::list<FlowRecord>& cached,
                     const std::vector<FlowRecord>& waiting) const {
    Header header;
    header.name_size = monitor_.size();
    header.stored = stored;
    header.cached = cached.size();
    header.waiting = waiting.size();
    std::string text;
    put(&header, sizeof header, text);
    text += monitor_;
    for (const FlowRecord& flow : cached)
        put(&flow, sizeof flow, text);
    for (const FlowRecord& flow : waiting)
        put(&flow, sizeof flow, text);
    const std::string fresh = name_ + ".new";
    const Fd file = open_file(folder_.get(), fresh, O_WRONLY | O_CREAT | O_TRUNC, in_);
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
