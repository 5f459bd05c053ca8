// SPDX-License-Identifier: BSD-2-Clause
// What the server does: from a request to its answer.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/settings.hpp"
#include "serve/access.hpp"
#include "serve/documents.hpp"
#include "serve/events.hpp"
#include "serve/reply.hpp"
#include "serve/router.hpp"
#include "serve/snapshots.hpp"
#include "serve/statistics.hpp"
#include "serve/web_config.hpp"
#include "serve/worker.hpp"

namespace dynmon::serve {

enum class Role {
    read,
    control,
    polycube, // /polycube/v1 and nothing else
};

// What says who may do what. Not owned; null: there is none.
struct Guards {
    AccessFile* access = nullptr;
    WebConfigFile* web = nullptr;
};

class Service final : public Handler {
public:
    // `cubes`: the folder of class Cubes, and `compiler`, for Role::polycube.
    Service(Settings settings, Role role, Guards guards, std::string cubes,
            CompilerOptions compiler);
    ~Service() override;

    void admit(const Request& request) override;
    void handle(const Request& request, const Respond& respond) override;
    void answered(const Request& request, int status, double seconds) override;

    // For the server's own metrics; set before the first request.
    void counts_of(std::function<ServerCounters()> counters) { counters_ = std::move(counters); }

private:
    Match match_for(const Request& request) const;
    void require_rights(const Match& match, const Request& request);
    // The bcrypt that its password has to be checked against; nothing: it shows none, or one that
    // was right before.
    std::optional<std::string> unchecked_password(const Request& request);
    bool wants_password(const Request& request) const;
    void answer(const Match& match, const Request& request, const Respond& respond);
    void give_metrics(const Request& request, const Respond& respond);
    void give_polycube(const Request& request, const Respond& respond);
    Reply try_polycube(const Request& request, std::optional<NotImported>& missing);
    void compile_first(const NotImported& missing, Deadline deadline, const Request& request,
                       const Respond& respond);
    void look(const Match& match, const Request& request, const Respond& respond);
    void change(const Match& match, const Request& request, const Respond& respond);
    Reply ready() const;

    Settings settings_;
    Role role_;
    Guards guards_;
    std::string cubes_;
    Passwords passwords_;
    std::function<ServerCounters()> counters_;
    Statistics statistics_;
    EventStreams streams_;
    std::atomic<bool> changing_ = false; // a change is under way: the next one is refused
    DocumentProbes probes_;
    Worker worker_;    // its jobs use the others
    Worker compiling_; // waits for the compile helper, and goes on in `worker_`
    SharedAnswers shared_;
};

} // namespace dynmon::serve
