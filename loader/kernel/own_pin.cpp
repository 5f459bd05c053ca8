// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/own_pin.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.hpp"

namespace dynmon {

namespace {

std::string words_of(const std::string& kind) {
    if (kind == "bpf-map")
        return "a map";
    if (kind == "bpf-prog")
        return "a program";
    return kind == "bpf-link" ? "a link" : kind;
}

// The kernel writes "bpf_link" of one that was just made, and "bpf-link" of one from a pin.
std::string kind_of(const Fd& object) {
    std::string kind = object_kind(object);
    std::replace(kind.begin(), kind.end(), '_', '-');
    return kind;
}

// bpf(2) follows symbolic links.
void require_no_link(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0)
        return;
    if (S_ISLNK(status.st_mode))
        throw Damaged(path + " is a symbolic link, which dynmon did not put there");
    if (S_ISDIR(status.st_mode))
        throw Damaged(path + " is a directory, which dynmon did not put there");
}

constexpr const char* advice =
    "another program wrote into the store: `dynmon-load recover` removes what cannot be used";

} // namespace

Damaged::Damaged(std::string message, int error_number)
    : Error(ErrorKind::rejected, std::move(message), error_number) {
    hint(advice);
}

Damaged::Damaged(const std::string& path, const Error& cause) : Error(cause) {
    as(ErrorKind::rejected).during(path + " is damaged").hint(advice);
}

Fd try_open_own(const std::string& path, const char* kind) {
    require_no_link(path);
    Fd pinned = try_open_pin(path);
    if (!pinned)
        return pinned;
    if (const std::string found = kind_of(pinned); found != kind)
        throw Damaged(path + " is " + words_of(found) + ", not " + words_of(kind));
    return pinned;
}

Fd open_own(const std::string& path, const char* kind) {
    Fd pinned = try_open_own(path, kind);
    if (!pinned)
        throw Error(ErrorKind::failed, "open pin " + path, ENOENT);
    return pinned;
}

OpenedMap open_own_map(const std::string& path, const OwnMap& wanted) {
    Fd map = open_own(path, "bpf-map");
    MapFacts facts = map_facts(map);
    if (facts.type != wanted.type || facts.key_size != wanted.key_size ||
        (wanted.value_size != 0 && facts.value_size != wanted.value_size))
        throw Damaged(path + " is a map of another type or size than dynmon puts there");
    return {std::move(map), std::move(facts)};
}

Fd duplicate(int fd) {
    constexpr int above_standard_streams = 3;
    Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, above_standard_streams));
    if (!copy)
        throw Error(ErrorKind::failed, "duplicate descriptor", errno);
    return copy;
}

void require_descriptors(unsigned count) {
    rlimit limit{};
    Fd lowest(::open("/", O_PATH | O_CLOEXEC));
    if (!lowest)
        throw Error(ErrorKind::failed, "open /", errno);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        static_cast<rlim_t>(lowest.get()) + count <= limit.rlim_cur)
        return;
    throw Error(ErrorKind::failed, "open " + std::to_string(count) + " more descriptors", EMFILE)
        .hint("raise the limit: ulimit -n");
}

} // namespace dynmon
