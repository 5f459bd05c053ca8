// SPDX-License-Identifier: BSD-2-Clause
#include "cli/rounds.hpp"

#include <utility>

#include "base/log.hpp"
#include "cli/output.hpp"
#include "control/read.hpp"

namespace dynmon {

namespace {

bool given_up = false;

} // namespace

void stay_reader(const Settings& settings, Confinement more) {
    if (std::exchange(given_up, true))
        return;
    more.store = settings.bpffs;
    drop_rights();
    confine(more);
}

void stay_nobody() {
    given_up = true;
    become_nobody();
    drop_rights();
    confine({});
}

bool has_given_up() {
    return given_up;
}

Rounds::Rounds(const Global& global, std::string what, std::string interval, std::uint64_t count)
    : global_(global), what_(std::move(what)), interval_(std::move(interval)), count_(count) {}

void Rounds::run(const std::function<void()>& body) {
    const StopOnSignal signals; // before any other process can know that it runs
    log::info(what_ + ": the first window ends in " + interval_ +
              (count_ == 1   ? ""
               : count_ == 0 ? ", then one follows every " + interval_ + "; Ctrl-C ends it"
                             : ", " + std::to_string(count_ - 1) + " more follow"));
    repeat(interval_, count_, [&] { run_once(body); });
}

void Rounds::run_once(const std::function<void()>& body) {
    global_.settings.lock_patience.renew();
    try {
        body();
    } catch (const LockHeld& held) {
        return leave_out(held);
    } catch (const NeedsRepair& broken) {
        if (!has_given_up()) // no other process has more rights
            throw;
        return leave_out(broken);
    } catch (const Error& error) {
        if (!is_store_there()) // whatever error the round made of it
            throw Error(error)
                .as(ErrorKind::failed)
                .hint(global_.settings.bpffs +
                      " is not there any more: all was unloaded, or its bpffs was unmounted");
        if (error.kind() != ErrorKind::usage || !worked_)
            throw;
        // The command line was right when it began: what it names is gone.
        throw Error(error).as(ErrorKind::failed);
    }
    worked_ = true;
    if (left_out_)
        log::info(what_ + ": goes on");
    left_out_.reset();
}

bool Rounds::is_store_there() const {
    try {
        return global_.settings.open_store(false).present();
    } catch (const Error&) {
        return false;
    }
}

void Rounds::leave_out(const Error& error) {
    if (!left_out_)
        log::warn(std::string(error.what()) + ": windows stay in the kernel until that is over" +
                  (error.kind() == ErrorKind::busy ? "" : "; `dynmon-load recover` finishes it"));
    left_out_ = error;
}

void Rounds::require_last() const {
    if (left_out_)
        throw *left_out_;
}

} // namespace dynmon
