// SPDX-License-Identifier: BSD-2-Clause
#include "object/trust.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <unistd.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "object/object.hpp"
#include "object/traced_code.hpp"

namespace dynmon {

std::vector<std::byte> read_trusted(const std::string& path, std::size_t limit,
                                    const Trust& trust) {
    const std::filesystem::path whole(path);
    const Way folder(whole.has_parent_path() ? whole.parent_path().string() : ".");
    const std::string name = whole.has_filename() ? whole.filename().string() : ".";
    return read_file_at(folder.fd(), name, path, limit, [&](const struct stat& status) {
        Steps steps = folder.steps();
        steps.push_back(folder.step_into(name, status));
        trust.require(steps);
    });
}

std::vector<std::byte> read_named(const std::string& path, std::size_t limit) {
    Trust trust;
    trust.believe_owner_of(path);
    return read_trusted(path, limit, trust);
}

std::string read_trusted_text(const std::string& path, const std::string& what) {
    try {
        const std::vector<std::byte> bytes = read_trusted(path, limits::manifest_bytes, Trust());
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    } catch (Error& error) {
        if (error.kind() == ErrorKind::rejected)
            throw;
        if (error.hint().empty())
            error.hint("nothing is loaded until it can be read");
        throw error.as(ErrorKind::rejected).during(what);
    }
}

bool is_trusted(const std::string& path) {
    try {
        Trust().require(Way(path).steps());
        return true;
    } catch (const Error&) {
        return false;
    }
}

bool is_absent(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

namespace {

bool open_to_others(const struct stat& status) {
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

bool is_same(const struct stat& one, const struct stat& other) {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// The program that runs and every folder above it; only the program when it was moved or deleted.
Steps steps_to_program() {
    struct stat program {};
    if (::stat("/proc/self/exe", &program) != 0)
        return {};
    try {
        const Way way(std::filesystem::read_symlink("/proc/self/exe").string());
        if (is_same(way.steps().back().status, program))
            return way.steps();
    } catch (const std::exception&) {
        // its name leads nowhere now
    }
    return {{"", program}};
}

const Steps& program_steps() {
    static const Steps steps = steps_to_program();
    return steps;
}

bool is_base_owner(uid_t owner) {
    const Steps& steps = program_steps();
    return owner == 0 || owner == geteuid() ||
           std::any_of(steps.begin(), steps.end(),
                       [&](const Step& step) { return step.status.st_uid == owner; });
}

bool is_above_program(const struct stat& status) {
    const Steps& steps = program_steps();
    return std::any_of(steps.begin(), steps.end(),
                       [&](const Step& step) { return is_same(step.status, status); });
}

std::string of_user(const Step& step) {
    return step.path + " belongs to user " + std::to_string(step.status.st_uid);
}

} // namespace

bool Trust::believes(uid_t owner) const {
    return owner == named_ || is_base_owner(owner);
}

void Trust::require(const Step& step) const {
    const struct stat& status = step.status;
    if (step.shared && !is_base_owner(status.st_uid))
        throw Error(ErrorKind::rejected,
                    of_user(step) + ", and anybody can have put it into the folder that it is in")
            .hint("copy it to a folder that only you can write to, and name it there");
    if (!believes(status.st_uid))
        throw Error(ErrorKind::rejected,
                    of_user(step) +
                        (geteuid() == 0 ? ", not to root" : ", neither to root nor you"))
            .hint("its owner decides what is loaded: look at it, then chown root " + step.path);
    const bool matters = S_ISDIR(status.st_mode)
                             ? (status.st_mode & S_ISVTX) == 0 && !is_above_program(status)
                             : S_ISREG(status.st_mode);
    if (matters && open_to_others(status))
        throw Error(ErrorKind::rejected, step.path + " can be written to by others than its owner")
            .hint("look at it, then chmod go-w " + step.path);
}

void Trust::require(const Steps& steps) const {
    try {
        for (const Step& step : steps)
            require(step);
    } catch (const Error& error) {
        if (purpose_ == Purpose::load)
            throw;
        log::warn(std::string(error.what()) + ": it would not be loaded");
    }
}

void Trust::believe_owner_of(const std::string& path) {
    const Way way(path);
    const Step& last = way.steps().back();
    named_ = last.status.st_uid;
    if (purpose_ == Purpose::look)
        return;
    require(way.steps());
    if (!is_base_owner(*named_))
        log::warn(of_user({path, last.status}) + ", who decides what is loaded");
}

} // namespace dynmon
