// SPDX-License-Identifier: BSD-2-Clause
// Builds frames from the inside out.
#include "frames.hpp"

#include <algorithm>
#include <stdexcept>

#include <arpa/inet.h>

namespace {

void put16(Bytes& into, std::size_t value) {
    into.push_back(static_cast<std::uint8_t>(value >> 8));
    into.push_back(static_cast<std::uint8_t>(value));
}

void set16(Bytes& into, std::size_t at, std::size_t value) {
    into.at(at) = static_cast<std::uint8_t>(value >> 8);
    into.at(at + 1) = static_cast<std::uint8_t>(value);
}

void append(Bytes& into, const Bytes& more) {
    into.insert(into.end(), more.begin(), more.end());
}

} // namespace

Address address(const std::string& text) {
    Address result{};
    if (::inet_pton(AF_INET6, text.c_str(), result.data()) == 1)
        return result;
    result[10] = result[11] = 0xff;
    if (::inet_pton(AF_INET, text.c_str(), result.data() + 12) != 1)
        throw std::invalid_argument("not an IP address: " + text);
    return result;
}

// Counts up, so that a reader at the wrong offset is found out.
Bytes payload(std::size_t size) {
    Bytes result(size);
    for (std::size_t i = 0; i < size; ++i)
        result[i] = static_cast<std::uint8_t>(0xa0 + i);
    return result;
}

Bytes tcp(const Tcp& header, const Bytes& body) {
    Bytes result;
    put16(result, header.source);
    put16(result, header.destination);
    result.resize(8);
    put16(result, header.ack >> 16);
    put16(result, header.ack & 0xffff);
    result.push_back(static_cast<std::uint8_t>((5 + header.options) << 4));
    result.push_back(header.flags);
    put16(result, header.window);
    result.resize(20 + header.options * 4u, 1); // NOP
    append(result, body);
    return result;
}

Bytes udp(std::uint16_t source, std::uint16_t destination, const Bytes& body) {
    Bytes result;
    put16(result, source);
    put16(result, destination);
    put16(result, 8 + body.size());
    put16(result, 0);
    append(result, body);
    return result;
}

Bytes icmp(std::uint8_t type, std::uint8_t code, const Bytes& body) {
    Bytes result = {type, code, 0, 0, 0, 1, 0, 1};
    append(result, body);
    return result;
}

Bytes ipv4(const Ipv4& header, const Bytes& body) {
    const std::size_t words = 5u + header.options;
    Bytes result = {static_cast<std::uint8_t>(0x40 | words), header.tos};
    put16(result, words * 4 + body.size());
    put16(result, 1);
    put16(result, header.fragment_offset | (header.more_fragments ? 0x2000 : 0) |
                      (header.dont_fragment ? 0x4000 : 0));
    result.push_back(header.ttl);
    result.push_back(header.protocol);
    put16(result, 0);
    for (const auto& text : {header.source, header.destination}) {
        const auto bytes = address(text);
        result.insert(result.end(), bytes.begin() + 12, bytes.end());
    }
    result.resize(words * 4, 1); // NOP
    append(result, body);
    return result;
}

Bytes ipv6(const Ipv6& header, const Bytes& body) {
    Bytes result = {static_cast<std::uint8_t>(0x60 | header.traffic_class >> 4),
                    static_cast<std::uint8_t>(header.traffic_class << 4), 0, 0};
    put16(result, body.size());
    result.push_back(header.next);
    result.push_back(header.hop_limit);
    for (const auto& text : {header.source, header.destination}) {
        const auto bytes = address(text);
        result.insert(result.end(), bytes.begin(), bytes.end());
    }
    append(result, body);
    return result;
}

Bytes extension(std::uint8_t next, std::uint8_t further_words, const Bytes& body) {
    Bytes result(8 + further_words * 8u, 0);
    result[0] = next;
    result[1] = further_words;
    append(result, body);
    return result;
}

Bytes fragment(std::uint8_t next, std::uint16_t offset, bool more, const Bytes& body) {
    Bytes result = {next, 0};
    put16(result, offset << 3 | (more ? 1 : 0));
    result.resize(8, 7); // identification
    append(result, body);
    return result;
}

Bytes vlan(std::uint16_t tci, std::uint16_t ethertype, const Bytes& body) {
    Bytes result;
    put16(result, tci);
    put16(result, ethertype);
    append(result, body);
    return result;
}

Bytes ethernet(std::uint16_t ethertype, const Bytes& body) {
    Bytes result = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    put16(result, ethertype);
    append(result, body);
    return result;
}

Bytes with_true_length(Bytes frame, std::size_t l3_offset) {
    const std::size_t size = frame.size() - l3_offset;
    if (frame.at(l3_offset) >> 4 == 4)
        set16(frame, l3_offset + 2, size);
    else
        set16(frame, l3_offset + 4, size - 40);
    return frame;
}

Bytes first(const Bytes& frame, std::size_t size) {
    return Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
}

Bytes hex(std::string_view digits) {
    Bytes result;
    for (; digits.size() >= 2; digits.remove_prefix(2))
        result.push_back(
            static_cast<std::uint8_t>(std::stoul(std::string(digits.substr(0, 2)), nullptr, 16)));
    return result;
}
