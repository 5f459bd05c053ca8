// SPDX-License-Identifier: BSD-2-Clause
// Profile `lucid`: what LUCID's preprocessing makes of a window, an array (flows, packets, 11) of
// doubles from 0 to 1, and beside it whose flows they are.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "export/output_dir.hpp"
#include "export/session.hpp"
#include "object/allow_list.hpp"

namespace dynmon {

namespace {

enum App {
    none,
    data,
    dns,
    ftp,
    http,
    ssdp,
    ssl,
    telnet,
    ftp_data,
    mdns,
    quotes_tcp,
    quotes_udp,
    ftp_text,
    http_unnamed,
    http_data,
    http_text,
    http_json,
    http_xml,
    http_form,
    http_multipart,
    http_media,
    http_png,
    http_gif,
    http_jpeg,
    app_count
}; // enum dynmon_app

constexpr std::uint8_t icmp = 1, tcp = 6, udp = 17, icmpv6 = 58;

// Bit i is set for the i-th of these words in the packet's protocols: by the alphabet, which puts
// tcp before telnet. TLS has none: tshark calls it "tls".
enum ProtocolBit : unsigned {
    bit_data = 1u << 1,
    bit_dns = 1u << 2,
    bit_ftp = 1u << 3,
    bit_http = 1u << 4,
    bit_icmp = 1u << 5,
    bit_ip = 1u << 6,
    bit_ssdp = 1u << 7,
    bit_tcp = 1u << 9,
    bit_telnet = 1u << 10,
    bit_udp = 1u << 11,
};

struct AppFacts {
    std::string_view layer; // the highest; "": that of the transport
    unsigned bit;
};

constexpr std::array<AppFacts, app_count> apps = {{{"", 0},
                                                   {"DATA", bit_data},
                                                   {"DNS", bit_dns},
                                                   {"FTP", bit_ftp},
                                                   {"HTTP", bit_http},
                                                   {"SSDP", bit_ssdp},
                                                   {"TLS", 0},
                                                   {"TELNET", bit_telnet},
                                                   {"FTP-DATA", bit_ftp | bit_data}, // two words
                                                   {"MDNS", 0},
                                                   {"", bit_tcp},
                                                   {"", bit_udp},
                                                   {"DATA-TEXT-LINES", bit_ftp | bit_data},
                                                   {"HTTP", bit_http | bit_data}, // data in it
                                                   {"DATA", bit_http | bit_data},
                                                   {"DATA-TEXT-LINES", bit_http | bit_data},
                                                   {"JSON", bit_http},
                                                   {"XML", bit_http},
                                                   {"URLENCODED-FORM", bit_http},
                                                   {"MIME_MULTIPART", bit_http | bit_data},
                                                   {"MEDIA", bit_http},
                                                   {"PNG", bit_http},
                                                   {"IMAGE-GIF", bit_http},
                                                   {"IMAGE-JFIF", bit_http}}};

// A name as a number: its SHA-256, modulo 10^8.
std::uint32_t name_number(std::string_view name) {
    const std::string digest = sha256_hex(std::as_bytes(std::span(name.data(), name.size())));
    std::uint64_t number = 0;
    for (const char digit : digest)
        number =
            (number * 16 + static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10)) %
            100'000'000;
    return static_cast<std::uint32_t>(number);
}

std::string_view transport_layer(std::uint8_t protocol) {
    switch (protocol) {
    case tcp:
        return "TCP";
    case udp:
        return "UDP";
    case icmp:
        return "ICMP";
    case icmpv6:
        return "ICMPV6";
    default:
        return "IP";
    }
}

unsigned transport_bit(std::uint8_t protocol) {
    switch (protocol) {
    case tcp:
        return bit_tcp;
    case udp:
        return bit_udp;
    case icmp:
        return bit_icmp;
    default:
        return 0;
    }
}

// A later fragment and the like: tshark finds no type in such a packet, which is 0 for LUCID.
constexpr std::uint8_t icmp_type_unknown = 255;

constexpr std::size_t feature_count = 11;
constexpr std::array<const char*, feature_count> feature_names = {
    "timestamp", "packet_length", "highest_layer",   "IP_flags",   "protocols", "TCP_length",
    "TCP_ack",   "TCP_flags",     "TCP_window_size", "UDP_length", "ICMP_type"};

using Features = std::array<double, feature_count>;

class LucidFormatter final : public WindowFormatter {
public:
    explicit LucidFormatter(const LucidOptions& options)
        : packets_(options.packets), seconds_(options.seconds), ipv6_(options.ipv6),
          flags_shift_(options.flags_with_offset ? 0 : 13),
          most_{options.seconds, 65536, 4294967296, 65536, 4096, 65536,
                4294967296,      65536, 65536,      65536, 256},
          gathered_(profile(), {"length", "tcpLen", "tcpAck", "app", "reverse"}) {}

    const char* profile() const override { return "lucid"; }
    const char* probe() const override { return "ddos"; }
    std::vector<std::string> metrics() const override {
        return {std::string(Conversations::packet_metric),
                std::string(Conversations::session_metric)};
    }
    void clear() override { gathered_.clear(); }
    void begin(const MetricView& metric) override { gathered_.begin(metric); }
    void add(const Batch& batch) override { gathered_.add(batch); }

    WindowCounts counts() const override {
        WindowCounts counts;
        for (const Conversation& flow : gathered_.all()) {
            counts.sessions += is_wanted(flow);
            counts.packets += is_wanted(flow) ? std::min(packets_, flow.packets.size()) : 0;
        }
        return counts;
    }

    std::vector<OutFile> files(const WindowName& name) const override {
        std::vector<const Conversation*> flows;
        for (const Conversation& flow : gathered_.all())
            if (is_wanted(flow))
                flows.push_back(&flow);
        if (flows.empty())
            return {};
        const std::string stem = seconds_text() + "t-" + std::to_string(packets_) + "n-" +
                                 name.monitor + "-iter" + std::to_string(name.iteration);
        return {{stem + ".npy", array(flows)}, {stem + ".json", identities(name, flows)}};
    }

private:
    // LUCID knows IPv4 alone, and a flow by its packets.
    bool is_wanted(const Conversation& flow) const {
        return !flow.packets.empty() && (ipv6_ || flow.id.ip_version == 4);
    }

    std::string seconds_text() const {
        std::string text = nlohmann::json(seconds_).dump();
        return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
    }

    std::span<const PacketRecord> kept(const Conversation& flow) const {
        return std::span(flow.packets).first(std::min(packets_, flow.packets.size()));
    }

    static std::uint64_t first_time(std::span<const PacketRecord> packets) {
        return std::min_element(packets.begin(), packets.end(),
                                [](const PacketRecord& a, const PacketRecord& b) {
                                    return a.timestamp < b.timestamp;
                                })
            ->timestamp;
    }

    // https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    std::string array(const std::vector<const Conversation*>& flows) const {
        std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" +
                             std::to_string(flows.size()) + ", " + std::to_string(packets_) + ", " +
                             std::to_string(feature_count) + "), }";
        constexpr std::size_t before = 10; // magic, version, length
        header.append(63 - (before + header.size()) % 64, ' ').append(1, '\n');
        std::string text = "\x93NUMPY";
        text += '\1';
        text += '\0';
        text += static_cast<char>(header.size() & 0xff);
        text += static_cast<char>(header.size() >> 8);
        text += header;
        for (const Conversation* flow : flows)
            add_flow(*flow, text);
        return text;
    }

    void add_flow(const Conversation& flow, std::string& to) const {
        const auto packets = kept(flow);
        const std::uint64_t first = first_time(packets);
        for (const PacketRecord& packet : packets) {
            const Features features =
                normalized(flow.id.protocol, flow.id.ip_version == 4, packet, first);
            to.append(reinterpret_cast<const char*>(features.data()), sizeof features);
        }
        to.append((packets_ - packets.size()) * sizeof(Features), '\0');
    }

    Features normalized(std::uint8_t protocol, bool ipv4, const PacketRecord& packet,
                        std::uint64_t first) const {
        Features features = raw(protocol, ipv4, packet, first);
        for (std::size_t i = 0; i < features.size(); ++i) // rounded as LUCID rounds
            features[i] = 1.0 - (most_[i] - features[i]) / most_[i];
        return features;
    }

    Features raw(std::uint8_t protocol, bool ipv4, const PacketRecord& packet,
                 std::uint64_t first) const {
        const AppFacts& app =
            apps[packet.app < app_count ? std::size_t{packet.app} : std::size_t{data}];
        const bool in_icmp = protocol == icmp || protocol == icmpv6; // its data are no layer
        const std::string_view layer =
            app.layer.empty() || in_icmp ? transport_layer(protocol) : app.layer;
        const unsigned protocols = (ipv4 ? bit_ip : 0u) | transport_bit(protocol) | app.bit;
        const double udp_length = protocol == udp ? packet.udp_length + 8 : 0;
        return {static_cast<double>(packet.timestamp - first) / 1e9,
                static_cast<double>(packet.length),
                static_cast<double>(layer_number(layer)),
                static_cast<double>(packet.ip_flags >> flags_shift_),
                static_cast<double>(protocols),
                static_cast<double>(packet.tcp_length),
                static_cast<double>(packet.tcp_ack),
                static_cast<double>(packet.tcp_flags),
                static_cast<double>(packet.tcp_window),
                udp_length,
                packet.icmp_type == icmp_type_unknown ? 0.0
                                                      : static_cast<double>(packet.icmp_type)};
    }

    std::uint32_t layer_number(std::string_view layer) const {
        const auto [found, is_new] = layers_.try_emplace(std::string(layer), 0);
        if (is_new)
            found->second = name_number(layer);
        return found->second;
    }

    // A flow goes by the direction of its first packet.
    std::string identities(const WindowName& name,
                           const std::vector<const Conversation*>& flows) const {
        using json = nlohmann::ordered_json;
        json list = json::array();
        for (const Conversation* flow : flows) {
            const bool reverse = flow->packets.front().is_reverse;
            const Endpoint& source = reverse ? flow->id.destination : flow->id.source;
            const Endpoint& destination = reverse ? flow->id.source : flow->id.destination;
            json entry{{"id",
                        {address_text(source.ip, flow->id.ip_version), source.port,
                         address_text(destination.ip, flow->id.ip_version), destination.port,
                         protocol_text(flow->id.protocol)}}};
            if (flow->id.vlan != 0)
                entry["vlan"] = flow->id.vlan;
            entry["packets"] = kept(*flow).size();
            entry["seen"] = std::max<std::uint64_t>(flow->seen, flow->packets.size());
            entry["first"] = first_time(kept(*flow));
            list.push_back(std::move(entry));
        }
        return json_text(json{{"monitor", name.monitor},
                              {"sequence", name.window.sequence},
                              {"from", name.window.from_ns},
                              {"to", name.window.to_ns},
                              {"time_window", seconds_},
                              {"packets_per_flow", packets_},
                              {"features", feature_names},
                              {"flows", list}}) +
               "\n";
    }

    std::size_t packets_; // of a flow
    double seconds_;      // of a window
    bool ipv6_;
    int flags_shift_; // what of the word with flags and fragment offset is left out
    Features most_;
    Conversations gathered_;
    mutable std::unordered_map<std::string, std::uint32_t> layers_; // names that were hashed
};

} // namespace

std::unique_ptr<WindowFormatter> make_lucid_formatter(const LucidOptions& options) {
    return std::make_unique<LucidFormatter>(options);
}

} // namespace dynmon
