// SPDX-License-Identifier: BSD-2-Clause
// Where flows go that have left the cache: a collector, files.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "export/flow_record.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// What flows go to is out of reach or full. Nothing is lost by it: the window is in the kernel
// still, and the next round hands it out again.
class SinkUnavailable : public Error {
public:
    using Error::Error;
    explicit SinkUnavailable(const Error& cause) : Error(cause) {}
};

// The window that made flows leave.
struct FlowWindow {
    std::string monitor;
    Window window;
    // Packets that the probe saw and are in no flow.
    std::uint64_t ignored = 0; // since it could not make anything of them
    std::uint64_t dropped = 0; // since it had no room
};

// Made to keep what it cannot hand on now, or to keep nothing: then the flows of a window that does
// not arrive come again with the window.
class FlowSink {
public:
    virtual ~FlowSink() = default;
    virtual const char* profile() const = 0; // as --profile has it
    // Before a window is closed. Throws SinkUnavailable when it is known that send() would have to,
    // or when there is no room for what would have to be kept.
    virtual void make_room() = 0;
    // The number of the window for people: how many went before, whichever run had them.
    virtual std::uint64_t iteration(const Window& window) const {
        return window.sequence > 0 ? window.sequence - 1 : 0;
    }
    // A run before has stored it and could not say so.
    virtual bool has(const FlowWindow& /*from*/) const { return false; }
    virtual void add(std::vector<FlowRecord> flows, const FlowWindow& from) = 0;
    // The window ends: what was added. Throws SinkUnavailable if it keeps nothing and not all has
    // arrived; a part may have. Returns the files that were written.
    virtual std::vector<std::string> send() = 0;
    virtual const std::vector<FlowRecord>& waiting() const = 0; // not known to have arrived
    // send_part() may be called, so that nobody has to keep all of a window.
    virtual bool takes_parts() const { return false; }
    // What was added, of a window of which more will be. Throws as send().
    virtual void send_part() { send(); }
    // What was added is of a window that was given up on the way.
    virtual void forget() {}
    // The export ends. Throws Error{failed} that counts what cannot be handed on, which is lost
    // unless it `is_saved` for the next run.
    virtual void close(bool is_saved) = 0;
};

} // namespace dynmon
