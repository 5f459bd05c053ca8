// SPDX-License-Identifier: BSD-2-Clause
// Profile `crypto`: a line a session, with what one counts per second and the other, appended to
// one CSV, or as a JSON a window.
#include <optional>

#include "decode/merge_rule.hpp"
#include "decode/text.hpp"
#include "export/output_dir.hpp"
#include "export/session.hpp"
#include "format/rows.hpp"

namespace dynmon {

namespace {

constexpr const char* header =
    "Timestamp (Unix ns), IP Client, IP Server, Port Client, Port Server, Protocol, Server Method, "
    "Packets_server, Packets_client, Bits_ server, Bits_ client, Duration (ns), "
    "Packets_server / Seconds, Packets_client / Seconds, Bits_server / Seconds, "
    "Bits_client / Seconds, Bits_server / Packets_server, Bits_client / Packets_client, "
    "Packets_server / Packets_client, Bits_server / Bits_client\n";

struct Traffic {
    std::uint64_t packets = 0;
    std::uint64_t bits = 0;
};

struct Session {
    SessionId id;
    Sides sides;
    std::uint64_t start = 0; // ns since the Unix epoch
    std::uint64_t alive = 0;
    std::uint64_t method = 0;
    Traffic client;
    Traffic server;
};

// A quotient, or "-" where there is none; of JSON that is a string.
std::string ratio(double over, double under, bool json) {
    if (under == 0)
        return json ? "\"-\"" : "-";
    char text[longest_text];
    const char* const end = put_real(text, over / under);
    return std::string(static_cast<const char*>(text), end);
}

// What stands behind the identity of a session, in the order of the header.
std::string values(const Session& session, bool json) {
    const std::uint64_t ns = session.alive > session.start ? session.alive - session.start : 0;
    const double seconds = static_cast<double>(ns) / 1e9;
    const auto [client_packets, client_bits] = session.client;
    const auto [server_packets, server_bits] = session.server;
    std::string text = std::to_string(session.method);
    for (const std::uint64_t count : {server_packets, client_packets, server_bits, client_bits, ns})
        text += ", " + std::to_string(count);
    const auto add = [&](auto over, auto under) {
        text += ", " + ratio(static_cast<double>(over), static_cast<double>(under), json);
    };
    add(server_packets, seconds);
    add(client_packets, seconds);
    add(server_bits, seconds);
    add(client_bits, seconds);
    add(server_bits, server_packets);
    add(client_bits, client_packets);
    add(server_packets, client_packets);
    add(server_bits, client_bits);
    return text;
}

class CryptoFormatter final : public WindowFormatter {
public:
    explicit CryptoFormatter(bool json) : json_(json) {}

    const char* profile() const override { return "crypto"; }
    std::vector<std::string> metrics() const override { return {"sessions_tracked_crypto"}; }

    void clear() override { sessions_.clear(); }

    // The manifest says how CPUs become one; this decides what it leaves open.
    void begin(const MetricView& metric) override {
        rows_.reset();
        metric_ = metric;
        if (metric_.merge == Merge::none)
            metric_.merge = Merge::sum;
        metric_.merge_fields.try_emplace("value.start_timestamp", Merge::min);
        metric_.merge_fields.try_emplace("value.alive_timestamp", Merge::max);
        metric_.merge_fields.try_emplace("value.method", Merge::last);
        metric_.merge_fields = with_rules_for_bytes(metric_.value, metric_.merge_fields);
        rows_.emplace(metric_);
        const FieldFinder fields(rows_->view(), "profile 'crypto'");
        key_ = SessionReader(fields, "key");
        packets_ = fields.number("value.n_packets");
        packets_reverse_ = fields.number("value.n_packets_reverse");
        bytes_ = fields.number("value.n_bytes");
        bytes_reverse_ = fields.number("value.n_bytes_reverse");
        start_ = fields.number("value.start_timestamp");
        alive_ = fields.number("value.alive_timestamp");
        server_ip_ = fields.address("value.server_ip");
        server_port_ = fields.number_if_any("value.server_port");
        method_ = fields.number("value.method");
    }

    void add(const Batch& batch) override {
        rows_->for_each(batch,
                        [this](const Row& row) { sessions_.push_back(read(row.key, row.value)); });
    }

    WindowCounts counts() const override {
        WindowCounts counts{sessions_.size(), 0};
        for (const Session& session : sessions_)
            counts.packets += session.client.packets + session.server.packets;
        return counts;
    }

    std::vector<OutFile> files(const WindowName& name) const override {
        if (sessions_.empty())
            return {};
        if (json_)
            return {{"result_" + std::to_string(name.iteration) + ".json", document()}};
        std::string rows;
        for (const Session& session : sessions_)
            rows += std::to_string(session.alive) + ", " +
                    address_text(session.sides.client.ip, session.id.ip_version) + ", " +
                    address_text(session.sides.server.ip, session.id.ip_version) + ", " +
                    std::to_string(session.sides.client.port) + ", " +
                    std::to_string(session.sides.server.port) + ", " +
                    protocol_text(session.id.protocol) + ", " + values(session, false) + "\n";
        return {{"results.csv", rows, header}};
    }

private:
    Session read(const std::byte* key, const std::byte* value) const {
        Session session{
            .id = key_.read(key),
            .sides = {},
            .start = start_.number(value),
            .alive = alive_.number(value),
            .method = method_.number(value),
            .client = {packets_.number(value), bytes_.number(value) * 8},
            .server = {packets_reverse_.number(value), bytes_reverse_.number(value) * 8}};
        const Endpoint server{server_ip_.address(value),
                              static_cast<std::uint16_t>(server_port_.number(value))};
        session.sides = sides_of(session.id, server);
        if (session.sides.swapped)
            std::swap(session.client, session.server);
        return session;
    }

    std::string document() const {
        std::string text = "[";
        for (const Session& session : sessions_) {
            text += text.size() > 1 ? ",\n" : "\n";
            text += R"({"id": [")" + address_text(session.sides.client.ip, session.id.ip_version) +
                    R"(", ")" + address_text(session.sides.server.ip, session.id.ip_version) +
                    R"(", )" + std::to_string(session.sides.client.port) + ", " +
                    std::to_string(session.sides.server.port) + R"(, ")" +
                    protocol_text(session.id.protocol) + R"("], )";
            if (session.id.vlan != 0)
                text += "\"vlan\": " + std::to_string(session.id.vlan) + ", ";
            text += "\"value\": [" + std::to_string(session.alive) + ", " + values(session, true) +
                    "]}";
        }
        return text + "\n]\n";
    }

    bool json_;
    MetricView metric_; // with all that its rows need to be merged
    std::optional<Rows> rows_;
    SessionReader key_;
    Field packets_, packets_reverse_, bytes_, bytes_reverse_, start_, alive_, server_ip_,
        server_port_, method_;
    std::vector<Session> sessions_;
};

} // namespace

std::unique_ptr<WindowFormatter> make_crypto_formatter(bool json) {
    return std::make_unique<CryptoFormatter>(json);
}

} // namespace dynmon
