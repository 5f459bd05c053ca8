// SPDX-License-Identifier: BSD-2-Clause
// What the server counts of itself: dynmon_http_*. It is lost when an idle server exits, which
// readers of counters know how to handle.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "format/openmetrics.hpp"
#include "serve/http_server.hpp"

namespace dynmon::serve {

// Thread-safe.
class Statistics {
public:
    // `handler`: the route, such as "/api/v1/monitors/{monitor}": never what a client wrote.
    void answered(const std::string& handler, const std::string& method, int status,
                  double seconds);
    void snapshot_taken(double seconds);
    void snapshot_shared();

    // An exposition without its end.
    std::string text(Exposition form, const ServerCounters& server) const;

private:
    struct Handled {
        std::map<std::tuple<std::string, int>, std::uint64_t> requests; // method, status
        double seconds = 0;
    };

    mutable std::mutex mutex_;
    std::map<std::string, Handled> handled_;
    std::uint64_t snapshots_ = 0;
    std::uint64_t shared_ = 0;
    double snapshot_seconds_ = 0;
};

// One family of an exposition. `name` is without "_total".
class FamilyWriter {
public:
    enum class Kind { counter, gauge };
    FamilyWriter(Exposition form, Kind kind, const std::string& name, const char* help,
                 std::string& out);
    // `labels`: as append_label() makes them, separated by commas; "": none.
    void add(const std::string& labels, double value);

private:
    std::string sample_;
    std::string& out_;
};

std::string label(const char* name, const std::string& value);

} // namespace dynmon::serve
