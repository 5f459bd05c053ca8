// SPDX-License-Identifier: BSD-2-Clause
// What changes while a monitor runs: its windows. One element of a pinned array, written whole.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/file.hpp"
#include "state/generation.hpp"

namespace dynmon {

enum class Phase : std::uint32_t {
    loading = 0, // not yet in its chains: a killed `load`
    running = 1,
    unloading = 2, // being taken down: a killed `unload`
};

inline constexpr std::size_t most_metrics = 64; // limits::metrics; `pending` has a bit for each

// The redo log of a read. `pending` says which metrics' window `pending_sequence` has been closed
// but not yet handed out: those maps of the side that is not active hold exactly that window, and
// no program writes them any more. docs/dev/protocol/store.md says in which order all this is
// written.
struct MonitorState {
    std::uint32_t version = 3;
    Phase phase = Phase::loading;
    std::uint64_t sequence = 0; // the last number that was given to a window
    std::uint64_t pending = 0;  // bit per metric
    std::uint64_t pending_sequence = 0;
    // Those of the pending ones of which a reader may have seen something already: they must be
    // handed out under their number before their side is written again.
    std::uint64_t begun = 0;
    std::uint64_t pending_to_ns = 0;
    std::uint32_t active = 0;     // the Side that is, or is about to be, written by the programs
    std::uint32_t generation = 1; // whose metrics `pending` and `from_ns` count
    std::array<std::uint64_t, most_metrics> from_ns{}; // start of each metric's open window
    // Bits of pending metrics whose other side was written again before a reader took it: both
    // sides hold what was counted since from_ns. Version 2 ends before it.
    std::uint64_t doubled = 0;

    bool operator==(const MonitorState&) const = default;
    Side active_side() const { return active == 1 ? Side::b : Side::a; }
};

class StateMap {
public:
    static void create(const std::string& path, const MonitorState& state);
    // Throws Error{unsupported}, here or in read(), when another version of dynmon wrote it.
    explicit StateMap(const std::string& path);
    MonitorState read() const;
    void write(const MonitorState& state) const;

private:
    [[noreturn]] void throw_other_version() const;

    std::string path_;
    Fd map_;
    std::uint32_t version_;
};

} // namespace dynmon
