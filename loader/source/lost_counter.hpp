// SPDX-License-Identifier: BSD-2-Clause
// How many events found no room in a ring buffer: what DYNMON_EVENTS of bpf/dynmon.h counts, as
// the kernel does not.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

class LostCounter {
public:
    // Looks for the map NAME_lost beside the pin, else among the maps of the programs that use the
    // ring. There need not be one.
    LostCounter(const MapFacts& ring, const std::string& name, const std::string& pin_path);

    // Since the call before, or since this object was made.
    std::uint64_t since_last_time();

private:
    std::uint64_t read() const;
    Fd map_; // empty: nobody counts
    std::uint64_t before_ = 0;
};

} // namespace dynmon
