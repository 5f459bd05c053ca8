// SPDX-License-Identifier: BSD-2-Clause
// The tables of well-known type names: dynmon's own, the kernel's and those of its uapi.
#include <algorithm>
#include <array>

#include "btf/semantic.hpp"

namespace dynmon {

namespace {

struct MemberSemantic {
    std::string_view structure;
    std::string_view member;
    Semantic semantic;
};

// Members of the uapi whose type says less than their name.
constexpr std::array members{
    MemberSemantic{"ethhdr", "h_dest", Semantic::mac},
    MemberSemantic{"ethhdr", "h_source", Semantic::mac},
    MemberSemantic{"ethaddr", "addr", Semantic::mac}, // of xdp-tools
    MemberSemantic{"ether_addr", "ether_addr_octet", Semantic::mac},
    MemberSemantic{"ethhdr", "h_proto", Semantic::eth_proto},
    MemberSemantic{"vlan_hdr", "h_vlan_encapsulated_proto", Semantic::eth_proto},
    MemberSemantic{"vlan_ethhdr", "h_dest", Semantic::mac},
    MemberSemantic{"vlan_ethhdr", "h_source", Semantic::mac},
    MemberSemantic{"vlan_ethhdr", "h_vlan_proto", Semantic::eth_proto},
    MemberSemantic{"vlan_ethhdr", "h_vlan_encapsulated_proto", Semantic::eth_proto},
    MemberSemantic{"iphdr", "saddr", Semantic::ipv4},
    MemberSemantic{"iphdr", "daddr", Semantic::ipv4},
    MemberSemantic{"iphdr", "addrs.saddr", Semantic::ipv4}, // the same bytes once more
    MemberSemantic{"iphdr", "addrs.daddr", Semantic::ipv4},
    MemberSemantic{"iphdr", "protocol", Semantic::ip_proto},
    MemberSemantic{"ipv6hdr", "nexthdr", Semantic::ip_proto},
    MemberSemantic{"tcphdr", "source", Semantic::port},
    MemberSemantic{"tcphdr", "dest", Semantic::port},
    MemberSemantic{"udphdr", "source", Semantic::port},
    MemberSemantic{"udphdr", "dest", Semantic::port},
    MemberSemantic{"sockaddr_in", "sin_port", Semantic::port},
    MemberSemantic{"sockaddr_in6", "sin6_port", Semantic::port},
    MemberSemantic{"sockaddr_in6", "sin6_scope_id", Semantic::ifindex},
    MemberSemantic{"bpf_sock_tuple", "ipv4.saddr", Semantic::ipv4},
    MemberSemantic{"bpf_sock_tuple", "ipv4.daddr", Semantic::ipv4},
    MemberSemantic{"bpf_sock_tuple", "ipv4.sport", Semantic::port},
    MemberSemantic{"bpf_sock_tuple", "ipv4.dport", Semantic::port},
    MemberSemantic{"bpf_sock_tuple", "ipv6.saddr", Semantic::ipv6},
    MemberSemantic{"bpf_sock_tuple", "ipv6.daddr", Semantic::ipv6},
    MemberSemantic{"bpf_sock_tuple", "ipv6.sport", Semantic::port},
    MemberSemantic{"bpf_sock_tuple", "ipv6.dport", Semantic::port},
    MemberSemantic{"bpf_fib_lookup", "l4_protocol", Semantic::ip_proto},
    MemberSemantic{"bpf_fib_lookup", "sport", Semantic::port},
    MemberSemantic{"bpf_fib_lookup", "dport", Semantic::port},
    MemberSemantic{"bpf_fib_lookup", "ifindex", Semantic::ifindex},
    MemberSemantic{"bpf_fib_lookup", "ipv4_src", Semantic::ipv4},
    MemberSemantic{"bpf_fib_lookup", "ipv4_dst", Semantic::ipv4},
    MemberSemantic{"bpf_fib_lookup", "ipv6_src", Semantic::ipv6},
    MemberSemantic{"bpf_fib_lookup", "ipv6_dst", Semantic::ipv6},
    MemberSemantic{"bpf_fib_lookup", "h_vlan_proto", Semantic::eth_proto},
    MemberSemantic{"bpf_fib_lookup", "smac", Semantic::mac},
    MemberSemantic{"bpf_fib_lookup", "dmac", Semantic::mac},
    MemberSemantic{"bpf_sock", "bound_dev_if", Semantic::ifindex},
    MemberSemantic{"bpf_sock", "protocol", Semantic::ip_proto},
    MemberSemantic{"bpf_sock", "src_ip4", Semantic::ipv4},
    MemberSemantic{"bpf_sock", "src_ip6", Semantic::ipv6},
    MemberSemantic{"bpf_sock", "dst_port", Semantic::port},
    MemberSemantic{"bpf_sock", "dst_ip4", Semantic::ipv4},
    MemberSemantic{"bpf_sock", "dst_ip6", Semantic::ipv6},
    MemberSemantic{"bpf_sock", "state", Semantic::tcp_state},
    MemberSemantic{"xdp_md", "ingress_ifindex", Semantic::ifindex},
    MemberSemantic{"xdp_md", "egress_ifindex", Semantic::ifindex},
    MemberSemantic{"__sk_buff", "ingress_ifindex", Semantic::ifindex},
    MemberSemantic{"__sk_buff", "ifindex", Semantic::ifindex},
};

struct KernelStructure {
    std::string_view name;
    std::uint32_t size;
};

// What the kernel keeps for itself inside a map value; it is zeroed for user space. Two of them
// have grown.
constexpr std::array opaque_structures{
    KernelStructure{"bpf_spin_lock", 4},  KernelStructure{"bpf_res_spin_lock", 4},
    KernelStructure{"bpf_timer", 16},     KernelStructure{"bpf_wq", 16},
    KernelStructure{"bpf_list_head", 16}, KernelStructure{"bpf_list_node", 16},
    KernelStructure{"bpf_list_node", 24}, KernelStructure{"bpf_rb_root", 16},
    KernelStructure{"bpf_rb_node", 24},   KernelStructure{"bpf_rb_node", 32},
    KernelStructure{"bpf_refcount", 4},   KernelStructure{"bpf_dynptr", 16},
    KernelStructure{"bpf_task_work", 8}};

constexpr std::array<std::string_view, 4> big_endian_typedefs{"__be16", "__be32", "__be64",
                                                              "__sum16"};

} // namespace

bool is_big_endian_typedef(std::string_view name) {
    return std::find(big_endian_typedefs.begin(), big_endian_typedefs.end(), name) !=
           big_endian_typedefs.end();
}

Semantic semantic_of_typedef(std::string_view name) {
    if (is_big_endian_typedef(name))
        return Semantic::big_endian;
    if (name == "dynmon_tcp_control_t")
        return Semantic::tcp_flags;
    constexpr std::string_view prefix = "dynmon_";
    constexpr std::string_view suffix = "_t";
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) ||
        !name.ends_with(suffix))
        return Semantic::none;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    return semantic_from_name(name);
}

Semantic semantic_of_structure(std::string_view name) {
    if (name == "in_addr")
        return Semantic::ipv4;
    if (name == "in6_addr")
        return Semantic::ipv6;
    if (name == "dynmon_ipv4_prefix" || name == "dynmon_ipv6_prefix")
        return Semantic::cidr;
    return Semantic::none;
}

Semantic semantic_of_member(std::string_view structure, std::string_view member) {
    for (const MemberSemantic& entry : members)
        if (entry.structure == structure && entry.member == member)
            return entry.semantic;
    return Semantic::none;
}

std::shared_ptr<const EnumSet> tcp_states() {
    static const std::shared_ptr<const EnumSet> states = [] {
        auto set = std::make_shared<EnumSet>();
        set->name = "tcp_state";
        set->values = {{1, "ESTABLISHED"},    {2, "SYN_SENT"},   {3, "SYN_RECV"},
                       {4, "FIN_WAIT1"},      {5, "FIN_WAIT2"},  {6, "TIME_WAIT"},
                       {7, "CLOSE"},          {8, "CLOSE_WAIT"}, {9, "LAST_ACK"},
                       {10, "LISTEN"},        {11, "CLOSING"},   {12, "NEW_SYN_RECV"},
                       {13, "BOUND_INACTIVE"}};
        return set;
    }();
    return states;
}

bool is_opaque_structure(std::string_view name, std::uint32_t size) {
    return std::any_of(
        opaque_structures.begin(), opaque_structures.end(),
        [&](const KernelStructure& known) { return known.name == name && known.size == size; });
}

} // namespace dynmon
