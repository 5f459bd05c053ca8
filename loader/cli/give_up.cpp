// SPDX-License-Identifier: BSD-2-Clause
#include "cli/give_up.hpp"

#include <utility>

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

} // namespace dynmon
