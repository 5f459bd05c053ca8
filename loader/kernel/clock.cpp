// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/clock.hpp"

#include <filesystem>
#include <fstream>
#include <limits>

#include <time.h>

#include "base/error.hpp"
#include "kernel/features.hpp"

namespace dynmon {

namespace {

std::int64_t read_clock(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Programs read the clocks of the machine; this process may see others, in a time namespace.
struct NamespaceOffsets {
    std::int64_t monotonic = 0;
    std::int64_t boot = 0;
};

std::string namespace_link(const char* name) {
    std::error_code none; // before Linux 5.6 there are no time namespaces
    return std::filesystem::read_symlink(std::string("/proc/self/ns/") + name, none).string();
}

NamespaceOffsets read_offsets() {
    if (namespace_link("time") != namespace_link("time_for_children")) // the file is about those
        throw Error(
            ErrorKind::unsupported,
            "this process is in another time namespace than its children, so how its clocks "
            "differ from the kernel's is not known")
            .hint("run it as a child (`unshare --time --fork`), or load with --clock tai");
    NamespaceOffsets offsets;
    std::ifstream lines("/proc/self/timens_offsets");
    std::string clock;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    while (lines >> clock >> seconds >> nanoseconds)
        (clock == "monotonic" ? offsets.monotonic : offsets.boot) =
            seconds * 1'000'000'000 + nanoseconds;
    return offsets;
}

// How far ahead of the kernel's the clock is that this process sees.
std::int64_t namespace_offset(clockid_t clock) {
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return 0;
    static const NamespaceOffsets offsets = read_offsets();
    return clock == CLOCK_MONOTONIC ? offsets.monotonic : offsets.boot;
}

clockid_t clock_id(ClockSource source) {
    switch (source) {
    case ClockSource::boot:
        return CLOCK_BOOTTIME;
    case ClockSource::tai:
        return CLOCK_TAI;
    case ClockSource::ktime:
    case ClockSource::coarse: // CLOCK_MONOTONIC at the last tick: same epoch
        return CLOCK_MONOTONIC;
    }
    return CLOCK_MONOTONIC;
}

} // namespace

const char* to_string(ClockSource source) {
    switch (source) {
    case ClockSource::ktime:
        return "ktime";
    case ClockSource::boot:
        return "boot";
    case ClockSource::tai:
        return "tai";
    case ClockSource::coarse:
        return "coarse";
    }
    return "ktime";
}

ClockSource clock_source_from(const std::string& name) {
    for (const ClockSource source :
         {ClockSource::ktime, ClockSource::boot, ClockSource::tai, ClockSource::coarse})
        if (name == to_string(source))
            return source;
    throw Error(ErrorKind::usage, "no clock '" + name + "'").hint("ktime, boot, tai or coarse");
}

ClockSource best_clock_source() {
    for (const ClockSource source : {ClockSource::tai, ClockSource::boot})
        if (clock_support(source) == Support::yes)
            return source;
    return ClockSource::ktime;
}

std::int64_t clock_base_ns(ClockSource source) {
    // The narrowest of a few brackets: being scheduled out between two readings would skew it.
    std::int64_t best_gap = std::numeric_limits<std::int64_t>::max();
    std::int64_t base = 0;
    for (int attempt = 0; attempt < 5; ++attempt) {
        const std::int64_t before = read_clock(clock_id(source));
        const std::int64_t wall = read_clock(CLOCK_REALTIME);
        const std::int64_t after = read_clock(clock_id(source));
        if (after - before < best_gap) {
            best_gap = after - before;
            base = wall - (before + (after - before) / 2);
        }
    }
    return base + namespace_offset(clock_id(source));
}

std::uint64_t epoch_ns() {
    return static_cast<std::uint64_t>(read_clock(CLOCK_REALTIME));
}

} // namespace dynmon
