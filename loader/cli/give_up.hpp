// SPDX-License-Identifier: BSD-2-Clause
// What verbs that read give up once all is open that they need rights for.
#pragma once

#include "control/settings.hpp"
#include "kernel/rights.hpp"
#include "sandbox/confine.hpp"

namespace dynmon {

// Capabilities, and what they do not need of a user's rights: they go on opening pins of the store,
// and what `more` says. The first call counts, later ones do nothing.
void stay_reader(const Settings& settings, Confinement more = {});

// Whether one of them has been called.
bool has_given_up();

// For those that have nothing to open any more: root becomes nobody.
void stay_nobody();

} // namespace dynmon
