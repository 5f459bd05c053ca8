// SPDX-License-Identifier: BSD-2-Clause
// Profile `ddos`: a CSV a session and window, its features in rows, or a JSON a window.
#include <string_view>

#include "export/output_dir.hpp"
#include "export/session.hpp"

namespace dynmon {

namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

std::string nine_digits(std::uint64_t ns) {
    const std::string text = std::to_string(ns);
    return std::string(9 - text.size(), '0') + text;
}

// Seconds with all nine digits: a reader that knows doubles only loses some of them, others none.
std::string seconds_text(std::uint64_t timestamp) {
    return std::to_string(timestamp / ns_per_second) + '.' + nine_digits(timestamp % ns_per_second);
}

struct Feature {
    std::string_view label; // of the row, as wide as it is printed
    std::string (*text)(const PacketRecord&);
    bool is_classic; // one of the seven
};

const Feature features[] = {
    {"Seconds     ",
     [](const PacketRecord& p) { return std::to_string(p.timestamp / ns_per_second); }, true},
    {"Ns          ", [](const PacketRecord& p) { return nine_digits(p.timestamp % ns_per_second); },
     true},
    {"Length      ", [](const PacketRecord& p) { return std::to_string(p.length); }, false},
    {"IPv4 flags  ", [](const PacketRecord& p) { return std::to_string(p.ip_flags); }, true},
    {"TCP len     ", [](const PacketRecord& p) { return std::to_string(p.tcp_length); }, false},
    {"TCP ACK     ", [](const PacketRecord& p) { return std::to_string(p.tcp_ack); }, false},
    {"TCP flags   ", [](const PacketRecord& p) { return std::to_string(p.tcp_flags); }, true},
    {"TCP Win     ", [](const PacketRecord& p) { return std::to_string(p.tcp_window); }, true},
    {"UDP len     ", [](const PacketRecord& p) { return std::to_string(p.udp_length); }, true},
    {"ICMP type   ", [](const PacketRecord& p) { return std::to_string(p.icmp_type); }, true},
};

class DdosFormatter final : public WindowFormatter {
public:
    DdosFormatter(bool json, unsigned rows)
        : json_(json), all_(rows == 10),
          gathered_(profile(), all_ ? std::vector<std::string>{"length", "tcpLen", "tcpAck"}
                                    : std::vector<std::string>{}) {}

    const char* profile() const override { return "ddos"; }
    std::vector<std::string> metrics() const override {
        return {std::string(Conversations::packet_metric),
                std::string(Conversations::session_metric)};
    }
    void clear() override { gathered_.clear(); }
    void begin(const MetricView& metric) override { gathered_.begin(metric); }
    void add(const Batch& batch) override { gathered_.add(batch); }
    WindowCounts counts() const override {
        return {gathered_.all().size(), gathered_.packet_count()};
    }

    std::vector<OutFile> files(const WindowName& name) const override {
        if (gathered_.all().empty())
            return {};
        if (json_)
            return {{"result_" + std::to_string(name.iteration) + ".json", document()}};
        std::vector<OutFile> files;
        const std::string end = "-iter" + std::to_string(name.iteration) + ".csv";
        for (const Conversation& session : gathered_.all()) {
            const Sides sides = sides_of(session.id, session.server);
            files.push_back({file_stem(sides, session.id) + end, table(session)});
        }
        return files;
    }

private:
    std::string table(const Conversation& session) const {
        std::string text;
        for (const Feature& feature : features) {
            if (!all_ && !feature.is_classic)
                continue;
            text += text.empty() ? "" : "\n";
            text.append(feature.label) += ",\t";
            for (std::size_t i = 0; i < session.packets.size(); ++i)
                text.append(i > 0 ? ", " : "") += feature.text(session.packets[i]);
        }
        return text;
    }

    std::string document() const {
        std::string text = "[";
        for (const Conversation& session : gathered_.all()) {
            text += text.size() > 1 ? ",\n" : "\n";
            const Sides sides = sides_of(session.id, session.server);
            text += R"({"id": [")" + address_text(sides.client.ip, session.id.ip_version) +
                    R"(", )" + std::to_string(sides.client.port) + R"(, ")" +
                    address_text(sides.server.ip, session.id.ip_version) + R"(", )" +
                    std::to_string(sides.server.port) + R"(, ")" +
                    protocol_text(session.id.protocol) + R"("], )";
            if (session.id.vlan != 0)
                text += "\"vlan\": " + std::to_string(session.id.vlan) + ", ";
            text += "\"packets\": [";
            for (std::size_t i = 0; i < session.packets.size(); ++i)
                text.append(i > 0 ? ", " : "") += packet(session.packets[i]);
            text += "]}";
        }
        return text + "\n]\n";
    }

    // One number for the time; from there on the order of the rows.
    std::string packet(const PacketRecord& packet) const {
        std::string text = '[' + seconds_text(packet.timestamp);
        for (const Feature& feature : features)
            if (&feature >= features + 2 && (all_ || feature.is_classic))
                text += ", " + feature.text(packet);
        return text + ']';
    }

    bool json_;
    bool all_; // ten features and not seven
    Conversations gathered_;
};

} // namespace

std::unique_ptr<WindowFormatter> make_ddos_formatter(bool json, unsigned rows) {
    return std::make_unique<DdosFormatter>(json, rows);
}

} // namespace dynmon
