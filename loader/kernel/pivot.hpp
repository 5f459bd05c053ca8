// SPDX-License-Identifier: BSD-2-Clause
// The root program of a hook, built into the loader.
#pragma once

#include <cstddef>
#include <vector>

#include "base/fd.hpp"

namespace dynmon {

// A pivot that tail-calls slot 0 of `chain` and passes the packet when the slot is empty.
struct Pivot {
    Fd program;
    Fd chain; // PROG_ARRAY of limits::chain_slots entries
};

std::vector<std::byte> pivot_object(); // the ELF file that is built in

// XDP or TC (the same program serves both directions). `frags`, of XDP: it also runs on packets
// that lie in several buffers, and every program of its chain has to as well.
Pivot load_pivot(bool xdp, bool frags);

} // namespace dynmon
