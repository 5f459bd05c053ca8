// SPDX-License-Identifier: BSD-2-Clause
// Tables of names, each held against a source that dynmon has no part in.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <doctest/doctest.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_ether.h>

#include "btf/semantic.hpp"
#include "decode/text.hpp"
#include "kernel/rights.hpp"
#include "policy/helpers.hpp"

using namespace dynmon;

namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

// Number → every word of its line in /etc/protocols.
std::map<unsigned, std::set<std::string>> protocols_of_netbase() {
    std::map<unsigned, std::set<std::string>> result;
    std::ifstream file("/etc/protocols");
    REQUIRE_MESSAGE(file, "/etc/protocols is missing: install netbase");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string name, alias;
        unsigned number = 0;
        if (!(words >> name >> number) || name == "ip") // a word for all of them
            continue;
        result[number].insert(lower(name));
        while (words >> alias)
            result[number].insert(lower(alias));
    }
    return result;
}

// The enumerators of the kernel's types, as its BTF has them.
const std::map<std::string, std::uint64_t>& kernel_numbers() {
    static const auto numbers = [] {
        std::map<std::string, std::uint64_t> result;
        std::ifstream file(DYNMON_TEST_VMLINUX);
        REQUIRE(file);
        for (std::string line; std::getline(file, line);) {
            std::istringstream words(line);
            std::string name, equals;
            std::uint64_t number = 0;
            if (words >> name >> equals >> number && equals == "=")
                result.emplace(name, number);
        }
        REQUIRE(result.size() > 300);
        return result;
    }();
    return numbers;
}

} // namespace

TEST_CASE("names of IP protocols are those of /etc/protocols") {
    const std::map<unsigned, std::string> in_other_words = {
        {4, "ipencap"}, {135, "mobility-header"}}; // IPv4, Mobility
    const unsigned newest = 145; // what is assigned later may be without a name here
    const auto theirs = protocols_of_netbase();
    CHECK(theirs.size() > 50);
    for (const auto& [key, words] : theirs) {
        const auto& number = key; // clang 14: no lambda names a structured binding
        CAPTURE(number);
        const auto other = in_other_words.find(number);
        const std::string ours =
            other == in_other_words.end() ? lower(protocol_name(number)) : other->second;
        if (number <= newest)
            CHECK_MESSAGE(words.count(ours) == 1, protocol_name(number));
    }
    // In IANA's registry alone.
    const std::map<unsigned, std::string> elsewhere = {
        {113, "PGM"}, {118, "STP"}, {144, "AGGFRAG"}, {145, "NSH"}};
    for (unsigned number = 0; number < 256; ++number) {
        CAPTURE(number);
        if (const auto known = elsewhere.find(number); known != elsewhere.end())
            CHECK(protocol_name(number) == known->second);
        else if (theirs.count(number) == 0)
            CHECK(protocol_name(number) == "");
    }
}

TEST_CASE("names of IP protocols are those of the C library's numbers") {
    const std::pair<int, const char*> known[] = {{IPPROTO_HOPOPTS, "HOPOPT"},
                                                 {IPPROTO_ICMP, "ICMP"},
                                                 {IPPROTO_IGMP, "IGMP"},
                                                 {IPPROTO_IPIP, "IPv4"},
                                                 {IPPROTO_TCP, "TCP"},
                                                 {IPPROTO_EGP, "EGP"},
                                                 {IPPROTO_PUP, "PUP"},
                                                 {IPPROTO_UDP, "UDP"},
                                                 {IPPROTO_IDP, "XNS-IDP"},
                                                 {IPPROTO_TP, "ISO-TP4"},
                                                 {IPPROTO_DCCP, "DCCP"},
                                                 {IPPROTO_IPV6, "IPv6"},
                                                 {IPPROTO_ROUTING, "IPv6-Route"},
                                                 {IPPROTO_FRAGMENT, "IPv6-Frag"},
                                                 {IPPROTO_RSVP, "RSVP"},
                                                 {IPPROTO_GRE, "GRE"},
                                                 {IPPROTO_ESP, "ESP"},
                                                 {IPPROTO_AH, "AH"},
                                                 {IPPROTO_ICMPV6, "IPv6-ICMP"},
                                                 {IPPROTO_NONE, "IPv6-NoNxt"},
                                                 {IPPROTO_DSTOPTS, "IPv6-Opts"},
                                                 {IPPROTO_ENCAP, "ENCAP"},
                                                 {IPPROTO_PIM, "PIM"},
                                                 {IPPROTO_COMP, "IPComp"},
                                                 {IPPROTO_SCTP, "SCTP"},
                                                 {IPPROTO_MH, "Mobility"},
                                                 {IPPROTO_UDPLITE, "UDPLite"},
                                                 {IPPROTO_MPLS, "MPLS-in-IP"},
                                                 {143, "Ethernet"}};
    for (const auto& [number, name] : known)
        CHECK(protocol_name(static_cast<std::uint64_t>(number)) == name);
}

TEST_CASE("names of Ethernet's protocols are those of the kernel's header") {
    const std::map<unsigned, std::string> known = {{ETH_P_IP, "IPv4"},
                                                   {ETH_P_ARP, "ARP"},
                                                   {ETH_P_TEB, "TEB"},
                                                   {ETH_P_RARP, "RARP"},
                                                   {ETH_P_8021Q, "802.1Q"},
                                                   {ETH_P_IPV6, "IPv6"},
                                                   {ETH_P_PAUSE, "PAUSE"},
                                                   {ETH_P_SLOW, "LACP"},
                                                   {ETH_P_MPLS_UC, "MPLS"},
                                                   {ETH_P_MPLS_MC, "MPLS-multicast"},
                                                   {ETH_P_PPP_DISC, "PPPoE-discovery"},
                                                   {ETH_P_PPP_SES, "PPPoE"},
                                                   {ETH_P_PAE, "802.1X"},
                                                   {ETH_P_8021AD, "802.1ad"},
                                                   {ETH_P_LLDP, "LLDP"},
                                                   {ETH_P_MACSEC, "MACsec"},
                                                   {ETH_P_1588, "PTP"},
                                                   {0x22f3, "TRILL"}}; // of RFC 6325
    for (unsigned number = 0; number < 65536; ++number) {
        const auto name = known.find(number);
        const std::string expected = name == known.end() ? "" : name->second;
        CHECK_MESSAGE(ethernet_name(number) == expected, number);
    }
}

TEST_CASE("names of TCP flags are those of the C library's bits") {
    CHECK(tcp_flags_text(TH_FIN) == "FIN");
    CHECK(tcp_flags_text(TH_SYN) == "SYN");
    CHECK(tcp_flags_text(TH_RST) == "RST");
    CHECK(tcp_flags_text(TH_PUSH) == "PSH");
    CHECK(tcp_flags_text(TH_ACK) == "ACK");
    CHECK(tcp_flags_text(TH_URG) == "URG");
    tcphdr header{};
    const auto* flags = reinterpret_cast<const std::uint8_t*>(&header) + 13;
    header.res2 = 1; // RFC 3168 gave these two bits their names later
    CHECK(tcp_flags_text(*flags) == "ECE");
    header.res2 = 2;
    CHECK(tcp_flags_text(*flags) == "CWR");
    header.syn = header.ack = 1;
    CHECK(tcp_flags_text(*flags) == "SYN|ACK|CWR");
}

TEST_CASE("names of TCP states are those of the kernel's header") {
    const std::pair<int, const char*> known[] = {{BPF_TCP_ESTABLISHED, "ESTABLISHED"},
                                                 {BPF_TCP_SYN_SENT, "SYN_SENT"},
                                                 {BPF_TCP_SYN_RECV, "SYN_RECV"},
                                                 {BPF_TCP_FIN_WAIT1, "FIN_WAIT1"},
                                                 {BPF_TCP_FIN_WAIT2, "FIN_WAIT2"},
                                                 {BPF_TCP_TIME_WAIT, "TIME_WAIT"},
                                                 {BPF_TCP_CLOSE, "CLOSE"},
                                                 {BPF_TCP_CLOSE_WAIT, "CLOSE_WAIT"},
                                                 {BPF_TCP_LAST_ACK, "LAST_ACK"},
                                                 {BPF_TCP_LISTEN, "LISTEN"},
                                                 {BPF_TCP_CLOSING, "CLOSING"},
                                                 {BPF_TCP_NEW_SYN_RECV, "NEW_SYN_RECV"},
                                                 {13, "BOUND_INACTIVE"}}; // since Linux 6.8
    CHECK(tcp_states()->values.size() == std::size(known));
    for (const auto& [number, name] : known) {
        const std::string* ours = tcp_states()->find(number);
        REQUIRE(ours != nullptr);
        CHECK(*ours == name);
    }
    CHECK(BPF_TCP_MAX_STATES <= std::size(known) + 1); // a newer header has no state that we lack
}

TEST_CASE("helpers that no probe may call have the numbers that the kernel gives them") {
    std::size_t forbidden = 0;
    for (const auto& [name, number] : kernel_numbers()) {
        if (!name.starts_with("BPF_FUNC_"))
            continue;
        const auto helper = static_cast<std::int32_t>(number);
        if (!is_forbidden_helper(helper))
            continue;
        CHECK("BPF_FUNC_" + policy::helper_name(helper).substr(4) == name);
        ++forbidden;
    }
    CHECK(forbidden == 6);
}

TEST_CASE("names of capabilities are those of the kernel's header") {
    const std::map<int, std::string> known = {{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                              {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
                                              {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
                                              {CAP_PERFMON, "CAP_PERFMON"},
                                              {CAP_BPF, "CAP_BPF"}};
    CHECK(known_rights().size() == known.size());
    for (const KnownRight& right : known_rights())
        CHECK(known.at(static_cast<int>(right.right)) == right.name);
}
