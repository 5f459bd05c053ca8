// SPDX-License-Identifier: BSD-2-Clause
// What .dynmon-export.json says: how far the exports into a folder have come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dynmon {

struct ExportState {
    struct Stored { // the last window of a monitor
        std::uint64_t sequence = 0;
        std::uint64_t to_ns = 0;
    };
    struct Appended { // rows that go behind what a file has
        std::uint64_t at = 0;
        std::string header;
    };

    std::uint64_t next = 0; // iteration
    std::map<std::string, Stored> windows;
    std::map<std::string, Appended> appended; // of the window that was stored last

    // Believes no more than what dynmon writes: names of monitors and of files in this folder,
    // numbers. Throws Error{rejected} "PATH is damaged: …", and Error{unsupported} for the state of
    // another version.
    static ExportState parse(std::string_view text, const std::string& path);
    std::string text() const;
};

// Larger numbers of iterations are no numbers of ours, and have none behind them.
inline constexpr std::uint64_t most_iterations = std::uint64_t{1} << 53;

} // namespace dynmon
