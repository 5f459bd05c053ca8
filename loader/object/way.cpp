// SPDX-License-Identifier: BSD-2-Clause
#include "object/way.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

} // namespace

Way::Way(const std::string& path) : path_(path) {
    if (path.find('\0') != std::string::npos)
        throw Error(ErrorKind::usage, "a path cannot hold a NUL byte");
    if (path.empty())
        fail(ENOENT);
    put_first(path);
    if (path.front() != '/') {
        std::error_code error;
        const fs::path here = fs::current_path(error);
        if (error)
            fail(error.value());
        put_first(here.string());
    }
    go_to_root();
    while (!rest_.empty()) {
        const std::string name = rest_.front();
        rest_.pop_front();
        if (!S_ISDIR(end_.status.st_mode))
            fail(ENOTDIR);
        if (!name.empty() && name != ".")
            go_on(name);
    }
}

Step Way::step_into(const std::string& name, const struct stat& status) const {
    const bool shared = name != ".." && (end_.status.st_mode & S_ISVTX) != 0 &&
                        (end_.status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    return {end_.path + (end_.path.ends_with('/') ? "" : "/") + name, status, shared};
}

void Way::go_to_root() {
    at_ = Fd(::open("/", O_PATH | O_CLOEXEC));
    end_ = {"/", {}};
    if (!at_ || ::fstat(at_.get(), &end_.status) != 0)
        fail(errno);
    steps_.push_back(end_);
}

void Way::go_on(const std::string& name) {
    Fd next(::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!next || ::fstat(next.get(), &status) != 0)
        fail(errno);
    steps_.push_back(step_into(name, status));
    if (S_ISLNK(status.st_mode))
        return follow(next);
    if (name == "..")
        steps_.back().path = fs::path(end_.path).parent_path().string();
    end_ = steps_.back();
    at_ = std::move(next);
}

// By its text, also where the kernel would jump (/proc/self/cwd): every folder is gone through.
void Way::follow(const Fd& link) {
    constexpr int most_links = 40; // as the kernel has it
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
    if (size <= 0 || ++links_ > most_links)
        fail(size < 0 ? errno : ELOOP);
    const std::string text(target.data(), static_cast<std::size_t>(size));
    put_first(text);
    if (text.front() == '/')
        go_to_root();
}

void Way::put_first(const std::string& path) {
    std::deque<std::string> names;
    for (const fs::path& name : fs::path(path).relative_path())
        names.push_back(name.string());
    rest_.insert(rest_.begin(), names.begin(), names.end());
}

void Way::fail(int error) const {
    throw Error(ErrorKind::usage, "open " + path_, error);
}

void require_own_way(int fd, const std::string& path) {
    const auto refuse = [&](const std::string& fault) {
        return Error(ErrorKind::rejected, fault)
            .hint("name a folder that is reached through folders alone");
    };
    const Way way(path);
    for (const Step& step : way.steps())
        if (S_ISLNK(step.status.st_mode) && step.status.st_uid != 0 &&
            step.status.st_uid != geteuid())
            throw refuse(step.path + " is a symbolic link of user " +
                         std::to_string(step.status.st_uid) + ", who can lead it anywhere");
    struct stat opened {};
    const struct stat& reached = way.steps().back().status;
    if (::fstat(fd, &opened) != 0 || opened.st_dev != reached.st_dev ||
        opened.st_ino != reached.st_ino)
        throw refuse(path + " was exchanged while it was opened");
}

} // namespace dynmon
