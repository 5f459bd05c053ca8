// SPDX-License-Identifier: BSD-2-Clause
// Events of a ring buffer as they come, as an answer without an end.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/settings.hpp"
#include "serve/reply.hpp"
#include "serve/router.hpp"

namespace dynmon::serve {

// A thread an open stream: it waits for the kernel, and for a client that is slow. Thread-safe.
class EventStreams {
public:
    static constexpr std::size_t most = 8;

    explicit EventStreams(Settings settings) : settings_(std::move(settings)) {}
    ~EventStreams();
    EventStreams(const EventStreams&) = delete;
    EventStreams& operator=(const EventStreams&) = delete;

    // JSON lines, or server-sent events where Accept prefers text/event-stream. Events are taken
    // out of the map. Throws HttpError{503} when too many streams are open, {404}, {400}.
    Reply open(const Match& match, const Request& request);

private:
    struct Stream {
        std::atomic<bool> stopped = false;
        std::atomic<bool> over = false;
        std::thread thread;
    };

    void reap();

    Settings settings_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<Stream>> streams_;
};

} // namespace dynmon::serve
