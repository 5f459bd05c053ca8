// SPDX-License-Identifier: BSD-2-Clause
#include "serve/statistics.hpp"

#include <array>
#include <charconv>

namespace dynmon::serve {

std::string label(const char* name, const std::string& value) {
    std::string text;
    append_label(name, value, text);
    return text;
}

FamilyWriter::FamilyWriter(Exposition form, Kind kind, const std::string& name, const char* help,
                           std::string& out)
    : sample_(name + (kind == Kind::counter ? "_total" : "")), out_(out) {
    const std::string& family = form == Exposition::classic ? sample_ : name;
    out_ += "# TYPE " + family + (kind == Kind::counter ? " counter\n" : " gauge\n");
    out_ += "# HELP " + family + ' ';
    append_help(help, out_);
    out_ += '\n';
}

void FamilyWriter::add(const std::string& labels, double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    out_ += sample_ + (labels.empty() ? "" : '{' + labels + '}') + ' ';
    out_.append(text.data(), end);
    out_ += '\n';
}

void Statistics::answered(const std::string& handler, const std::string& method, int status,
                          double seconds) {
    const std::lock_guard lock(mutex_);
    Handled& handled = handled_[handler];
    ++handled.requests[{method, status}];
    handled.seconds += seconds;
}

void Statistics::snapshot_taken(double seconds) {
    const std::lock_guard lock(mutex_);
    ++snapshots_;
    snapshot_seconds_ += seconds;
}

void Statistics::snapshot_shared() {
    const std::lock_guard lock(mutex_);
    ++shared_;
}

std::string Statistics::text(Exposition form, const ServerCounters& server) const {
    using Kind = FamilyWriter::Kind;
    const std::lock_guard lock(mutex_);
    std::string out;
    const auto one = [&](Kind kind, const char* name, const char* help, double value) {
        FamilyWriter(form, kind, name, help, out).add("", value);
    };
    if (!handled_.empty()) {
        FamilyWriter requests(form, Kind::counter, "dynmon_http_requests", "Requests answered.",
                              out);
        for (const auto& [handler, handled] : handled_)
            for (const auto& [key, count] : handled.requests)
                requests.add(label("handler", handler) + ',' + label("method", std::get<0>(key)) +
                                 ',' + label("code", std::to_string(std::get<1>(key))),
                             static_cast<double>(count));
        FamilyWriter seconds(form, Kind::counter, "dynmon_http_request_seconds",
                             "Seconds from the first line of a request to the end of its answer.",
                             out);
        for (const auto& [handler, handled] : handled_)
            seconds.add(label("handler", handler), handled.seconds);
    }
    one(Kind::gauge, "dynmon_http_connections", "Connections that are open.",
        static_cast<double>(server.open));
    one(Kind::counter, "dynmon_http_connections_accepted", "Connections accepted.",
        static_cast<double>(server.accepted));
    one(Kind::counter, "dynmon_http_connections_refused",
        "Connections refused at a limit on their number.", static_cast<double>(server.refused));
    one(Kind::counter, "dynmon_http_connections_evicted",
        "Connections closed without a whole request, in favour of newer ones.",
        static_cast<double>(server.evicted));
    one(Kind::counter, "dynmon_http_connections_expired", "Connections closed as too slow.",
        static_cast<double>(server.expired));
    one(Kind::counter, "dynmon_http_snapshots", "Snapshots of monitors taken.",
        static_cast<double>(snapshots_));
    one(Kind::counter, "dynmon_http_snapshots_shared",
        "Requests answered with the snapshot of another.", static_cast<double>(shared_));
    one(Kind::counter, "dynmon_http_snapshot_seconds", "Seconds that snapshots took.",
        snapshot_seconds_);
    return out;
}

} // namespace dynmon::serve
