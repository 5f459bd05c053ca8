// SPDX-License-Identifier: BSD-2-Clause
// Names of IP protocols (IANA's keywords), of Ethernet's and of TCP flags.
#include <array>

#include "decode/text.hpp"

namespace dynmon {

namespace {

struct Protocol {
    std::uint8_t number;
    std::string_view name;
};

constexpr std::array protocols{
    Protocol{0, "HOPOPT"},     Protocol{1, "ICMP"},       Protocol{2, "IGMP"},
    Protocol{3, "GGP"},        Protocol{4, "IPv4"},       Protocol{5, "ST"},
    Protocol{6, "TCP"},        Protocol{8, "EGP"},        Protocol{9, "IGP"},
    Protocol{12, "PUP"},       Protocol{17, "UDP"},       Protocol{20, "HMP"},
    Protocol{22, "XNS-IDP"},   Protocol{27, "RDP"},       Protocol{29, "ISO-TP4"},
    Protocol{33, "DCCP"},      Protocol{36, "XTP"},       Protocol{37, "DDP"},
    Protocol{38, "IDPR-CMTP"}, Protocol{41, "IPv6"},      Protocol{43, "IPv6-Route"},
    Protocol{44, "IPv6-Frag"}, Protocol{45, "IDRP"},      Protocol{46, "RSVP"},
    Protocol{47, "GRE"},       Protocol{50, "ESP"},       Protocol{51, "AH"},
    Protocol{57, "SKIP"},      Protocol{58, "IPv6-ICMP"}, Protocol{59, "IPv6-NoNxt"},
    Protocol{60, "IPv6-Opts"}, Protocol{73, "CPHB"},      Protocol{81, "VMTP"},
    Protocol{88, "EIGRP"},     Protocol{89, "OSPFIGP"},   Protocol{93, "AX.25"},
    Protocol{94, "IPIP"},      Protocol{97, "ETHERIP"},   Protocol{98, "ENCAP"},
    Protocol{103, "PIM"},      Protocol{108, "IPComp"},   Protocol{112, "VRRP"},
    Protocol{113, "PGM"},      Protocol{115, "L2TP"},     Protocol{118, "STP"},
    Protocol{124, "ISIS"},     Protocol{132, "SCTP"},     Protocol{133, "FC"},
    Protocol{135, "Mobility"}, Protocol{136, "UDPLite"},  Protocol{137, "MPLS-in-IP"},
    Protocol{138, "manet"},    Protocol{139, "HIP"},      Protocol{140, "Shim6"},
    Protocol{141, "WESP"},     Protocol{142, "ROHC"},     Protocol{143, "Ethernet"},
    Protocol{144, "AGGFRAG"},  Protocol{145, "NSH"},
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

std::string_view ethernet_name(std::uint64_t protocol) {
    switch (protocol) {
    case 0x0800:
        return "IPv4";
    case 0x0806:
        return "ARP";
    case 0x22f3:
        return "TRILL";
    case 0x6558:
        return "TEB";
    case 0x8035:
        return "RARP";
    case 0x8100:
        return "802.1Q";
    case 0x86dd:
        return "IPv6";
    case 0x8808:
        return "PAUSE";
    case 0x8809:
        return "LACP";
    case 0x8847:
        return "MPLS";
    case 0x8848:
        return "MPLS-multicast";
    case 0x8863:
        return "PPPoE-discovery";
    case 0x8864:
        return "PPPoE";
    case 0x888e:
        return "802.1X";
    case 0x88a8:
        return "802.1ad";
    case 0x88cc:
        return "LLDP";
    case 0x88e5:
        return "MACsec";
    case 0x88f7:
        return "PTP";
    default:
        return "";
    }
}

std::string_view tcp_flags_text(std::uint8_t flags) {
    return {tcp_flags_texts[flags].text, tcp_flags_texts[flags].size};
}

} // namespace dynmon
