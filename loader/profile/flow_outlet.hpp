// Where flows go that have left the cache: a collector, files.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "profile/flow_record.hpp"

namespace dynmon {

// What flows go to is out of reach or full. Nothing is lost by it: the window is in the kernel
// still, and the next round hands it out again.
class OutletAway : public Error {
public:
    using Error::Error;
};

// Made to keep what it cannot hand on now, or to keep nothing: then the flows of a window that does
// not arrive come again with the window.
class FlowOutlet {
public:
    virtual ~FlowOutlet() = default;
    // Before a window is closed. Throws OutletAway when it is known that store() would have to, or
    // when there is no room for what would have to be kept.
    virtual void make_room() = 0;
    // Throws OutletAway if it keeps nothing and not all has arrived; a part may have.
    virtual void store(std::vector<FlowRecord> flows) = 0;
    // The export ends. Throws Error{failed} that counts what is lost by it.
    virtual void close() = 0;
};

} // namespace dynmon
