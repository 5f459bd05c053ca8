// SPDX-License-Identifier: BSD-2-Clause
// Looks for our TC filters in a network namespace that cannot be entered again: a reader gives up
// the right to once everything is open.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "kernel/tc.hpp"

namespace dynmon {

class FilterWatch {
public:
    // In the namespace that the calling thread is in now. The kernel keeps that namespace for as
    // long as this lives, also when its name is gone.
    FilterWatch();

    bool has_device(int ifindex) const;
    // Program id of our filter; nothing when there is none.
    std::optional<std::uint32_t> program(int ifindex, TcDirection direction) const;

private:
    Fd socket_;
};

} // namespace dynmon
