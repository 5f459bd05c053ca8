// SPDX-License-Identifier: BSD-2-Clause
// What the probes of sessions leave in their maps, as a test wants to compare it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runner.hpp"

// struct dynmon_session_key, byte for byte.
struct SessionKey {
    Address saddr;
    Address daddr;
    std::uint16_t sport; // network order
    std::uint16_t dport;
    std::uint8_t proto;
    std::uint8_t ip_version;
    std::uint16_t vlan;
};
static_assert(sizeof(SessionKey) == 40);

// "6 10.0.0.1:40000 - 10.0.0.2:443", with " vlan 7" behind it if there is one.
std::string text(const SessionKey& key);
std::string ip_text(const Address& address);

// A struct by the BTF of an object, which it does not need any more.
class Record {
public:
    Record(const bpf_object* object, const char* type, std::vector<std::byte> bytes);
    std::uint64_t of(std::string_view name) const;
    std::string ip(std::string_view name) const;
    SessionKey key(std::string_view name) const;

private:
    const Field& at(std::string_view name) const;

    std::map<std::string, Field, std::less<>> fields_;
    std::vector<std::byte> bytes_;
};

// Takes everything out of a queue, oldest first.
std::vector<Record> drain(const bpf_object* object, const bpf_map* map, const char* type);

std::vector<SessionKey> session_keys(const bpf_map* map);
// The sessions of a map that is not per CPU, as texts in order.
std::vector<std::string> sessions(const bpf_map* map);
// The value of the only entry; fails the test if there is another number of them.
Record only_session(const bpf_object* object, const bpf_map* map, const char* type);

// "server:port method", as enum dynmon_server_method has it.
std::string server(const Record& session);

std::uint32_t program_bytes(int program_fd); // after the verifier has taken out what cannot run
