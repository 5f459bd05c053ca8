// Names of IP protocols (IANA's keywords) and of TCP flags.
#include <array>

#include "layout/text.hpp"

namespace dynmon {

namespace {

struct Protocol {
    std::uint8_t number;
    std::string_view name;
};

constexpr std::array protocols{
    Protocol{0, "HOPOPT"},      Protocol{1, "ICMP"},         Protocol{2, "IGMP"},
    Protocol{4, "IPv4"},        Protocol{6, "TCP"},          Protocol{8, "EGP"},
    Protocol{9, "IGP"},         Protocol{17, "UDP"},         Protocol{27, "RDP"},
    Protocol{33, "DCCP"},       Protocol{41, "IPv6"},        Protocol{43, "IPv6-Route"},
    Protocol{44, "IPv6-Frag"},  Protocol{46, "RSVP"},        Protocol{47, "GRE"},
    Protocol{50, "ESP"},        Protocol{51, "AH"},          Protocol{58, "IPv6-ICMP"},
    Protocol{59, "IPv6-NoNxt"}, Protocol{60, "IPv6-Opts"},   Protocol{88, "EIGRP"},
    Protocol{89, "OSPFIGP"},    Protocol{94, "IPIP"},        Protocol{97, "ETHERIP"},
    Protocol{98, "ENCAP"},      Protocol{103, "PIM"},        Protocol{108, "IPComp"},
    Protocol{112, "VRRP"},      Protocol{113, "PGM"},        Protocol{115, "L2TP"},
    Protocol{118, "STP"},       Protocol{132, "SCTP"},       Protocol{133, "FC"},
    Protocol{136, "UDPLite"},   Protocol{137, "MPLS-in-IP"}, Protocol{138, "manet"},
    Protocol{139, "Shim6"},     Protocol{140, "WESP"},       Protocol{141, "ROHC"},
    Protocol{142, "Ethernet"},  Protocol{143, "AGGFRAG"},    Protocol{144, "NSH"},
};

constexpr void append(ShortText& to, std::string_view text) {
    for (const char c : text)
        to.text[to.size++] = c;
}

constexpr std::array<ShortText, 256> make_protocol_texts() {
    std::array<ShortText, 256> texts{};
    for (const Protocol& protocol : protocols)
        append(texts[protocol.number], protocol.name);
    return texts;
}

constexpr std::array<ShortText, 256> make_flags_texts() {
    constexpr std::array<std::string_view, 8> names = {"FIN", "SYN", "RST", "PSH",
                                                       "ACK", "URG", "ECE", "CWR"};
    std::array<ShortText, 256> texts{};
    for (unsigned flags = 0; flags < texts.size(); ++flags) {
        for (unsigned bit = 0; bit < names.size(); ++bit) {
            if ((flags >> bit & 1) == 0)
                continue;
            append(texts[flags], texts[flags].size == 0 ? "" : "|");
            append(texts[flags], names[bit]);
        }
    }
    return texts;
}

} // namespace

constinit const std::array<ShortText, 256> protocol_texts = make_protocol_texts();
constinit const std::array<ShortText, 256> tcp_flags_texts = make_flags_texts();

std::string_view protocol_name(std::uint64_t protocol) {
    if (protocol >= protocol_texts.size())
        return {};
    return {protocol_texts[protocol].text, protocol_texts[protocol].size};
}

std::string_view tcp_flags_text(std::uint8_t flags) {
    return {tcp_flags_texts[flags].text, tcp_flags_texts[flags].size};
}

} // namespace dynmon
