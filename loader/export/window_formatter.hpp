// SPDX-License-Identifier: BSD-2-Clause
// What a profile that writes files makes of a window. Pure: it sees entries and returns texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/exporter.hpp"

namespace dynmon {

// A file of a window. `header` set: the text is put behind what the file holds, and the header in
// front of everything where the file is new.
struct OutFile {
    using Put = std::function<void(std::string_view)>;

    std::string name;
    std::string text;
    std::string header = {};
    // Hands the rest of the text to `put`, piece by piece, so that nobody has all of it in memory;
    // may throw Error. Unset: there is no more.
    std::function<void(const Put& put)> rest = {};
    bool appends() const { return !header.empty(); }
};

// A window on its way into files. `iteration` counts the windows of a folder from 0.
struct WindowName {
    std::string monitor;
    Window window;
    std::uint64_t iteration = 0;
};

struct WindowCounts {
    std::uint64_t sessions = 0;
    std::uint64_t packets = 0; // as there are records or counts of them
};

class WindowFormatter {
public:
    virtual ~WindowFormatter() = default;
    virtual const char* profile() const = 0;
    virtual const char* probe() const { return profile(); } // which one it is made for
    virtual std::vector<std::string> metrics() const = 0;   // by name; it needs all of them
    // Call order: clear(), for each of its metrics (begin(), add()…), then the rest.
    virtual void clear() = 0;
    // Throws Error{usage} when `metric`, one of metrics(), lacks a field. Must outlive add().
    virtual void begin(const MetricView& metric) = 0;
    virtual void add(const Batch& batch) = 0;
    virtual WindowCounts counts() const = 0;
    virtual std::vector<OutFile>
    files(const WindowName& name) const = 0; // none for an empty window
};

// Profile `ddos`: the packets of each session. `rows` of a CSV: 7, or 10 with length, TCP length
// and TCP acknowledgement.
std::unique_ptr<WindowFormatter> make_ddos_rendering(bool json, unsigned rows);
// Profile `crypto`: counters and ratios of each session.
std::unique_ptr<WindowFormatter> make_crypto_rendering(bool json);

struct LucidOptions {
    std::size_t packets = 10;      // of each flow
    double seconds = 10;           // of a window
    bool ipv6 = false;             // flows that LUCID itself leaves out
    bool flags_with_offset = true; // IP flags as a word with the fragment offset, not as three bits
};

// Profile `lucid`: the first packets of each flow as LUCID's features.
std::unique_ptr<WindowFormatter> make_lucid_rendering(const LucidOptions& options);

} // namespace dynmon
