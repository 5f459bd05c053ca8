// SPDX-License-Identifier: BSD-2-Clause
// Messages of IPFIX (RFC 7011): flows, templates and options to bytes. Pure.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "export/flow_record.hpp"

// What the export reports about itself: records of options (RFC 7011, 3.4.2). Pure.

namespace dynmon::ipfix {

struct Facts {
    std::uint32_t sample = 1;     // the probe looks at one packet of so many
    std::string interface_name;   // "": not known
    std::uint64_t started_ms = 0; // of the export, since the epoch
};

// Since the export began.
struct Statistics {
    std::uint64_t exported_flows = 0;
    std::uint64_t ignored_packets = 0; // the probe could not make anything of them
    std::uint64_t dropped_packets = 0; // the probe had no room for them
    std::uint64_t unsent_flows = 0;
};

struct Domain;

// Appends sets of records, behind one of their templates if `with_templates`. Returns the number of
// records.
std::size_t put_options(const Facts& facts, const Statistics& statistics, const Domain& domain,
                        bool with_templates, std::string& out);

} // namespace dynmon::ipfix

namespace dynmon::ipfix {

inline constexpr std::size_t most_bytes = 65535; // the header has 16 bits for the length
inline constexpr std::size_t least_bytes = 512;  // all templates fit, and a record beside them

// One template for each, with only the fields that such a flow has.
enum class Template : std::uint16_t {
    ipv4 = 256,
    ipv6 = 257,
    icmpv4 = 258,
    icmpv6 = 259,
    icmpv4_unknown = 260, // without the type and code, which are unknown
    icmpv6_unknown = 261,
};
Template template_of(const FlowKey& key);

struct Domain {
    std::uint32_t id = 0;        // observation domain
    std::uint32_t interface = 0; // index of the interface that is observed; 0: not known
};

// The observation domain of what `monitor` sees at an interface of a network namespace (its inode):
// the same from run to run, and another one for each, as an interface's index alone is not. Never
// 0.
std::uint32_t domain_of(std::string_view monitor, std::uint64_t netns, std::uint32_t interface);

// Writes the messages of one stream: a TCP connection, or a UDP socket.
class Writer {
public:
    explicit Writer(Domain domain) : domain_(domain) {}

    // Makes a message of at most `max_bytes` (least_bytes or more) of the first `flows`, after the
    // templates if `with_templates`. Returns how many of the flows are in it. `export_time`:
    // seconds since the epoch.
    std::size_t write(std::span<const FlowRecord> flows, bool with_templates, std::size_t max_bytes,
                      std::uint32_t export_time, std::string& message);

    // Makes a message of what the export reports about itself; least_bytes hold it.
    void write_options(const Facts& facts, const Statistics& statistics, bool with_templates,
                       std::uint32_t export_time, std::string& message);

    std::uint32_t sequence() const { return sequence_; } // data records written so far

private:
    Domain domain_;
    std::uint32_t sequence_ = 0;
};

} // namespace dynmon::ipfix

// The information elements that flows are sent with, and how they are written.

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
