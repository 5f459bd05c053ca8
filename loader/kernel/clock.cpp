#include "kernel/clock.hpp"

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
    return base;
}

std::uint64_t epoch_ns() {
    return static_cast<std::uint64_t>(read_clock(CLOCK_REALTIME));
}

} // namespace dynmon
