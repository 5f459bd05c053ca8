// SPDX-License-Identifier: BSD-2-Clause
// What the server does: from a request to its answer.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "control/settings.hpp"
#include "serve/events.hpp"
#include "serve/reply.hpp"
#include "serve/router.hpp"
#include "serve/snapshots.hpp"
#include "serve/statistics.hpp"
#include "serve/worker.hpp"

namespace dynmon::serve {

enum class Role { read, control };

class Service final : public Handler {
public:
    Service(Settings settings, Role role);

    void admit(const Request& request) override;
    void handle(const Request& request, const Respond& respond) override;
    void answered(const Request& request, int status, double seconds) override;

    // For the server's own metrics; set before the first request.
    void counts_of(std::function<ServerCounters()> counters) { counters_ = std::move(counters); }

private:
    void give_metrics(const Request& request, const Respond& respond);
    void look(const Match& match, const Request& request, const Respond& respond);
    void change(const Match& match, const Request& request, const Respond& respond);
    Reply ready() const;

    Settings settings_;
    Role role_;
    std::function<ServerCounters()> counters_;
    Statistics statistics_;
    EventStreams streams_;
    std::atomic<bool> changing_ = false; // a change is under way: the next one is refused
    Worker worker_;                      // its jobs use the others
    SharedAnswers shared_;
};

} // namespace dynmon::serve
