// SPDX-License-Identifier: BSD-2-Clause
#include "control/window_claim.hpp"

#include "base/error.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

std::string claim_of(const std::string& monitor_dir, const std::string& reader) {
    return monitor_dir + (reader.empty() ? "/claim" : "/claim-" + reader);
}

DirectoryLock lock_claim(const Store& store, const std::string& monitor, const std::string& reader,
                         DirectoryLock::Mode mode) {
    try {
        return DirectoryLock(claim_of(store.monitor_dir(monitor), reader), mode, no_patience());
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::busy)
            throw;
        const std::string others =
            reader.empty() ? "another reader takes the windows of monitor '" + monitor
                           : "there is a reader '" + reader + "' of monitor '" + monitor;
        throw Error(ErrorKind::busy, others + "' (" + error.what() + ")")
            .hint(reader.empty() ? "look with `read " + monitor +
                                       " --peek` or `--format openmetrics`, which "
                                       "take none, or end that reader first"
                                 : "give this one another name");
    }
}

} // namespace

void WindowClaim::make_place(const std::string& monitor_dir) {
    ensure_directory(claim_of(monitor_dir, ""));
}

void WindowClaim::remove_place(const std::string& monitor_dir, const std::string& reader) {
    const std::string directory = claim_of(monitor_dir, reader);
    if (exists(directory))
        remove_tree(directory);
}

void WindowClaim::hold(const Store& store, const std::string& monitor, const std::string& reader) {
    const std::string directory = claim_of(store.monitor_dir(monitor), reader);
    if (lock_ && lock_->is_of(directory))
        return;
    lock_.reset();
    ensure_directory(directory); // a monitor that an older dynmon loaded has none
    lock_.emplace(lock_claim(store, monitor, reader, DirectoryLock::Mode::exclusive));
}

void WindowClaim::require_free(const Store& store, const std::string& monitor,
                               const std::string& reader) {
    if (exists(claim_of(store.monitor_dir(monitor), reader)))
        lock_claim(store, monitor, reader, DirectoryLock::Mode::shared);
}

} // namespace dynmon
