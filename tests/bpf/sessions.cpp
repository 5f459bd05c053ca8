// SPDX-License-Identifier: BSD-2-Clause
#include "sessions.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <arpa/inet.h>

#include <doctest/doctest.h>

std::string ip_text(const Address& address) {
    char text[INET6_ADDRSTRLEN];
    static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0,    0,
                                                            0, 0, 0, 0, 0xff, 0xff};
    const bool v4 = std::equal(mapped.begin(), mapped.end(), address.begin());
    ::inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), text, sizeof text);
    return text;
}

std::string text(const SessionKey& key) {
    const auto end = [](const Address& ip, std::uint16_t port) {
        return ip_text(ip) + ":" + std::to_string(ntohs(port));
    };
    return std::to_string(key.proto) + " " + end(key.saddr, key.sport) + " - " +
           end(key.daddr, key.dport) + (key.vlan ? " vlan " + std::to_string(key.vlan) : "");
}

Record::Record(const bpf_object* object, const char* type, std::vector<std::byte> bytes)
    : bytes_(std::move(bytes)) {
    const btf* types = bpf_object__btf(object);
    const int found = btf__find_by_name_kind(types, type, BTF_KIND_STRUCT);
    if (found < 0)
        throw std::runtime_error(std::string("no struct ") + type);
    const auto id = static_cast<std::uint32_t>(found);
    const btf_type* layout = btf__type_by_id(types, id);
    if (layout->size != bytes_.size())
        throw std::runtime_error(std::string("struct ") + type + " has another size");
    for (int i = 0; i < btf_vlen(layout); ++i) {
        const std::string name = btf__name_by_offset(types, btf_members(layout)[i].name_off);
        fields_.emplace(name, field(types, id, name));
    }
}

const Field& Record::at(std::string_view name) const {
    const auto found = fields_.find(name);
    if (found == fields_.end())
        throw std::runtime_error("no field '" + std::string(name) + "'");
    return found->second;
}

std::uint64_t Record::of(std::string_view name) const {
    const Field& place = at(name);
    std::uint64_t result = 0;
    if (place.size > sizeof result)
        throw std::runtime_error("field '" + std::string(name) + "' is wider than a number");
    std::memcpy(&result, bytes_.data() + place.offset, place.size);
    return place.type_name == "dynmon_port_t" ? ntohs(static_cast<std::uint16_t>(result)) : result;
}

std::string Record::ip(std::string_view name) const {
    Address address;
    std::memcpy(address.data(), bytes_.data() + at(name).offset, address.size());
    return ip_text(address);
}

SessionKey Record::key(std::string_view name) const {
    SessionKey key;
    std::memcpy(&key, bytes_.data() + at(name).offset, sizeof key);
    return key;
}

std::vector<Record> drain(const bpf_object* object, const bpf_map* map, const char* type) {
    std::vector<Record> result;
    std::vector<std::byte> value(bpf_map__value_size(map));
    while (bpf_map_lookup_and_delete_elem(bpf_map__fd(map), nullptr, value.data()) == 0)
        result.emplace_back(object, type, value);
    return result;
}

std::vector<SessionKey> session_keys(const bpf_map* map) {
    std::vector<SessionKey> result;
    for (const auto& bytes : keys(map)) {
        REQUIRE(bytes.size() == sizeof(SessionKey));
        SessionKey& key = result.emplace_back();
        std::memcpy(&key, bytes.data(), sizeof key);
    }
    return result;
}

std::vector<std::string> sessions(const bpf_map* map) {
    std::vector<std::string> result;
    for (const SessionKey& key : session_keys(map))
        result.push_back(text(key));
    std::sort(result.begin(), result.end());
    return result;
}

Record only_session(const bpf_object* object, const bpf_map* map, const char* type) {
    const auto found = keys(map);
    REQUIRE(found.size() == 1);
    std::vector<std::byte> value(bpf_map__value_size(map));
    REQUIRE(bpf_map_lookup_elem(bpf_map__fd(map), found[0].data(), value.data()) == 0);
    return Record(object, type, value);
}

std::string server(const Record& session) {
    return session.ip("server_ip") + ":" + std::to_string(session.of("server_port")) + " " +
           std::to_string(session.of("method"));
}

std::uint32_t program_bytes(int program_fd) {
    bpf_prog_info info{};
    __u32 size = sizeof info;
    REQUIRE(bpf_obj_get_info_by_fd(program_fd, &info, &size) == 0);
    return info.xlated_prog_len;
}
