// SPDX-License-Identifier: BSD-2-Clause
// The information elements that flows are sent with, and how they are written.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>

#include "export/ipfix_message.hpp"

namespace dynmon::ipfix {

// In network order.
template <typename Integer>
void put(Integer value, std::string& out) {
    for (int shift = static_cast<int>(sizeof value * 8) - 8; shift >= 0; shift -= 8)
        out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xff);
}

// One field of a record: a number of at most 8 bytes, or the bytes of an address.
struct Element {
    std::uint16_t id;   // of IANA's registry
    std::uint16_t size; // bytes; of numbers RFC 7011 (6.2) allows fewer than the registry's
    std::uint64_t (*number)(const FlowRecord&, const Domain&);
    const std::uint8_t* (*bytes)(const FlowRecord&);
};

std::span<const Element> elements_of(Template which);
std::size_t record_size(Template which);

void put_templates(std::string& out); // a set of all of them
void put_record(Template which, const FlowRecord& flow, const Domain& domain, std::string& out);

} // namespace dynmon::ipfix
