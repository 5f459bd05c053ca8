// SPDX-License-Identifier: BSD-2-Clause
#include "ssdp_probe.hpp"

#include <cstring>

#include <linux/pkt_cls.h>

std::string kind_name(const Loaded<ssdp_bpf>& probe, std::uint32_t number) {
    const btf* types = bpf_object__btf(probe->obj);
    const int id = btf__find_by_name_kind(types, "traffic", BTF_KIND_ENUM);
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
    return btf__name_by_offset(types, btf_enum(type)[number].name_off);
}

Kinds kinds(const Loaded<ssdp_bpf>& probe, const char* field) {
    Kinds result;
    for (const auto& key : keys(probe->maps.TRAFFIC)) {
        std::uint32_t kind = 0;
        std::memcpy(&kind, key.data(), sizeof kind);
        const auto number = Value(probe->obj, probe->maps.TRAFFIC, key.data()).sum(field);
        if (number > 0)
            result[kind_name(probe, kind)] = number;
    }
    return result;
}

std::uint64_t uptime_ns() {
    return static_cast<std::uint64_t>(read_clock(CLOCK_MONOTONIC));
}

Bytes from(const std::string& source, const Bytes& datagram) {
    if (source.find(':') == std::string::npos)
        return ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP, .source = source}, datagram));
    return ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP, .source = source}, datagram));
}

bool drops(const Loaded<ssdp_bpf>& probe, const Bytes& frame) {
    const int verdict = run(probe.fd(), frame);
    const int drop = probe.xdp() ? static_cast<int>(XDP_DROP) : TC_ACT_SHOT;
    const int pass = probe.xdp() ? static_cast<int>(XDP_PASS) : TC_ACT_UNSPEC;
    CHECK((verdict == drop || verdict == pass));
    return verdict == drop;
}
