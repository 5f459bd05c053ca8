// SPDX-License-Identifier: BSD-2-Clause
// Messages of IPFIX (RFC 7011): flows to bytes. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "export/flow_record.hpp"
#include "export/ipfix_options.hpp"

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
    std::uint32_t interface = 0; // index of the interface that is observed; 0: not told
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

    // Makes a message of what collectors are told of the export itself; least_bytes hold it.
    void write_options(const Facts& facts, const Statistics& statistics, bool with_templates,
                       std::uint32_t export_time, std::string& message);

    std::uint32_t sequence() const { return sequence_; } // data records written so far

private:
    Domain domain_;
    std::uint32_t sequence_ = 0;
};

} // namespace dynmon::ipfix
