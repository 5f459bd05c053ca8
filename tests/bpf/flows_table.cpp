// SPDX-License-Identifier: BSD-2-Clause
#include "flows_table.hpp"

#include <algorithm>
#include <cstring>

#include <doctest/doctest.h>

namespace {

std::string key_text(const btf* types, std::uint32_t id, const std::vector<std::byte>& key) {
    const auto number = [&](const char* name) {
        const Field at = field(types, id, name);
        unsigned value = 0;
        std::memcpy(&value, key.data() + at.offset, at.size);
        return value;
    };
    const auto port = [&](const char* name) {
        return std::to_string(ntohs(static_cast<std::uint16_t>(number(name))));
    };
    const auto ip = [&](const char* name) {
        Address bytes;
        std::memcpy(bytes.data(), key.data() + field(types, id, name).offset, bytes.size());
        for (const char* known : {"10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"})
            if (address(known) == bytes)
                return std::string(known);
        return std::string("?");
    };
    return std::to_string(number("proto")) + " v" + std::to_string(number("ip_version")) + " vlan" +
           std::to_string(number("vlan")) + " " + ip("saddr") + ":" + port("sport") + " > " +
           ip("daddr") + ":" + port("dport");
}

} // namespace

Table table(const Loaded<flows_bpf>& probe, const bpf_map* map) {
    Table result;
    const auto id = bpf_map__btf_key_type_id(map);
    for (const auto& key : keys(map))
        result.emplace(key_text(bpf_object__btf(probe->obj), id, key),
                       Value(probe->obj, map, key.data()));
    return result;
}

Table ingress(const Loaded<flows_bpf>& probe) {
    return table(probe, probe->maps.FLOWS_INGRESS);
}

std::vector<std::string> names(const Table& flows) {
    std::vector<std::string> result;
    for (const auto& [name, value] : flows)
        result.push_back(name);
    return result;
}

std::uint64_t missed(const Loaded<flows_bpf>& probe, const char* why) {
    const __u32 zero = 0;
    return Value(probe->obj, probe->maps.FLOWS_MISSED_INGRESS, &zero).sum(why);
}

std::pair<std::uint64_t, std::uint64_t> span(const Value& flow) {
    std::uint64_t from = ~0ULL;
    std::uint64_t to = 0;
    for (std::size_t copy = 0; copy < flow.copies(); ++copy) {
        if (flow.of(copy, "first"))
            from = std::min(from, flow.of(copy, "first"));
        to = std::max(to, flow.of(copy, "last"));
    }
    return {from, to};
}

std::uint64_t uses(const Value& flow) {
    std::uint64_t most = 0;
    for (std::size_t copy = 0; copy < flow.copies(); ++copy)
        most = std::max(most, flow.of(copy, "flows"));
    return most;
}

void set_table(flows_bpf& skeleton, bpf_map_type type) {
    skeleton.rodata->table = type;
    REQUIRE(bpf_map__set_type(skeleton.maps.FLOWS_INGRESS, type) == 0);
    REQUIRE(bpf_map__set_type(skeleton.maps.FLOWS_EGRESS, type) == 0);
}
