// SPDX-License-Identifier: BSD-2-Clause
// The rounds of a verb that reads a monitor again and again, until a signal or for months, and the
// rights that it gives up before the first.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "cli/verb.hpp"
#include "control/settings.hpp"
#include "kernel/rights.hpp"
#include "sandbox/confine.hpp"

namespace dynmon {

// What verbs that read give up once all is open that they need rights for.

// Capabilities, and what they do not need of a user's rights: they go on opening pins of the store,
// and what `more` says. The first call counts, later ones do nothing.
void stay_reader(const Settings& settings, Confinement more = {});

// Whether one of them has been called.
bool has_given_up();

// For verbs that have nothing to open any more: root becomes the user nobody.
void stay_nobody();

// Skips a round that finds a lock held, or a monitor that takes more rights to repair: warns once,
// and tries again with the next one. The window of that round stays in the kernel.
class Rounds {
public:
    // As repeat(). `what`: "read 'web'". `global` must outlive it.
    Rounds(const Global& global, std::string what, std::string interval, std::uint64_t count);

    // Logs when the first window ends, and runs `body` until the count is full. An error of a round
    // ends it, unless the next round may succeed.
    void run(const std::function<void()>& body);
    // Throws what kept the last round from its work, if anything did.
    void require_last() const;

private:
    void run_once(const std::function<void()>& body);
    bool is_store_there() const;
    void leave_out(const Error& error);

    const Global& global_;
    std::string what_;
    std::string interval_;
    std::uint64_t count_;
    bool worked_ = false;           // a round has
    std::optional<Error> left_out_; // why the last round was
};

} // namespace dynmon
