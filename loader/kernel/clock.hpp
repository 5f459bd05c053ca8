// SPDX-License-Identifier: BSD-2-Clause
// The epoch clock of probes: which kernel clock they read and what to add to it.
#pragma once

#include <cstdint>
#include <string>

namespace dynmon {

// Same values as enum dynmon_clock of bpf/dynmon.h.
enum class ClockSource : std::uint32_t { ktime = 0, boot = 1, tai = 2, coarse = 3 };

const char* to_string(ClockSource source);
ClockSource clock_source_from(const std::string& name); // throws Error{usage}

// The best clock that this kernel gives to programs: TAI (6.1) follows NTP steps and suspend by
// itself, boot time (5.8) follows suspend, ktime neither.
ClockSource best_clock_source();

// ns since the Unix epoch minus `source`'s reading: what a probe adds to bpf_ktime_get_*_ns().
std::int64_t clock_base_ns(ClockSource source);

std::uint64_t epoch_ns(); // now, ns since the Unix epoch

} // namespace dynmon
