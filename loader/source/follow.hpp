// SPDX-License-Identifier: BSD-2-Clause
// What changes in a map between one look and the next, as JSON lines.
//
//     {"change":"added","key":{…},"value":{…},"time":"2026-11-21T12:00:00.000000000Z"}
//     {"change":"changed","key":{…},"value":{…},"was":{…},"time":…}
//     {"change":"removed","key":{…},"was":{…},"time":…}
#pragma once

#include <memory>

#include "source/typed_map.hpp"

namespace dynmon {

class Follower {
public:
    // Of `options` count raw, where and columns. An entry is there while it meets the condition:
    // one that begins to is added, one that ceases to is removed; the condition may say `now`.
    // Throws Error{usage} for a queue or stack, for what does not fit the map, and for sort, top,
    // rate and another format than JSON. `map` must outlive it.
    Follower(const TypedMap& map, const ExportOptions& options);
    ~Follower();

    // Writes what is different from the look before to `sink`; the first look writes nothing.
    void look(Sink& sink);

private:
    class State;
    std::unique_ptr<State> state_;
};

} // namespace dynmon
