// SPDX-License-Identifier: BSD-2-Clause
// One flow as flow collectors know it, whatever table of whatever probe it comes from, and the
// sinks that take flows.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// What tells flows apart: packets of one direction.
struct FlowKey {
    std::array<std::uint8_t, 16> saddr{}; // network order; IPv4 as ::ffff:a.b.c.d
    std::array<std::uint8_t, 16> daddr{};
    std::uint16_t sport = 0;
    std::uint16_t dport = 0; // of ICMP: type * 256 + code, or icmp_unknown
    std::uint16_t vlan = 0;  // 0: none
    std::uint8_t proto = 0;
    std::uint8_t ip_version = 4;
    std::uint8_t egress = 0; // 1: it was sent by the observed interface
    std::uint8_t unused = 0; // so that every byte counts

    bool operator==(const FlowKey&) const = default;
};
static_assert(std::has_unique_object_representations_v<FlowKey>, "it is hashed as bytes");

// The port of ICMP whose type is unknown: a later fragment, a header that is cut off, a table
// without ports. Type 255 is reserved, so that no real one is this.
inline constexpr std::uint16_t icmp_unknown = 0xffff;

inline constexpr std::uint8_t icmp_protocol = 1, icmpv6_protocol = 58;

// ICMP of either version, in IPv4 and IPv6 alike.
inline bool is_icmp(const FlowKey& key) {
    return key.proto == icmp_protocol || key.proto == icmpv6_protocol;
}

inline bool is_icmp_of_its_version(const FlowKey& key) {
    return key.proto == (key.ip_version == 4 ? icmp_protocol : icmpv6_protocol);
}

inline bool has_unknown_type(const FlowKey& key) {
    return is_icmp(key) && key.dport == icmp_unknown;
}

struct FlowKeyHash {
    std::size_t operator()(const FlowKey& key) const {
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(&key), sizeof key});
    }
};

// Why a flow was handed out: flowEndReason of RFC 5102.
enum class EndReason : std::uint8_t {
    none = 0,
    idle = 1,          // no packet for the idle time-out
    active = 2,        // older than the active time-out: the next packet begins another record
    end_of_flow = 3,   // FIN or RST was seen
    forced = 4,        // the export ends
    lack_of_memory = 5 // another flow took its place
};

struct FlowRecord {
    FlowKey key;
    std::uint64_t first_ns = 0; // since the Unix epoch
    std::uint64_t last_ns = 0;
    std::uint64_t packets = 0;  // as they are on the wire, where the probe tells
    std::uint64_t bytes = 0;    // of IP
    std::uint32_t flows = 1;    // that the probe told apart by their silences or by FIN and SYN
    std::uint8_t tcp_flags = 0; // all that were seen
    std::uint8_t tos = 0;       // of the last packet
    EndReason reason = EndReason::none;
};

// Where flows go that have left the cache: a collector, files.

// What flows go to is out of reach or full. Nothing is lost by it: the window is in the kernel
// still, and the next round hands it out again.
class SinkUnavailable : public Error {
public:
    using Error::Error;
    explicit SinkUnavailable(const Error& cause) : Error(cause) {}
};

// The window that made flows leave.
struct FlowWindow {
    std::string monitor;
    Window window;
    // Packets that the probe saw and are in no flow.
    std::uint64_t ignored = 0; // since it could not make anything of them
    std::uint64_t dropped = 0; // since it had no room
};

// Made to keep what it cannot hand on now, or to keep nothing: then the flows of a window that does
// not arrive come again with the window.
class FlowSink {
public:
    virtual ~FlowSink() = default;
    virtual const char* profile() const = 0; // as --profile has it
    // Before a window is closed. Throws SinkUnavailable when it is known that send() would have to,
    // or when there is no room for what would have to be kept.
    virtual void make_room() = 0;
    // The number of the window for people: how many went before, in all runs.
    virtual std::uint64_t iteration(const Window& window) const {
        return window.sequence > 0 ? window.sequence - 1 : 0;
    }
    // A run before has stored it and could not say so.
    virtual bool has(const FlowWindow& /*from*/) const { return false; }
    virtual void add(std::vector<FlowRecord> flows, const FlowWindow& from) = 0;
    // The window ends: what was added. Throws SinkUnavailable if it keeps nothing and not all has
    // arrived; a part may have. Returns the files that were written.
    virtual std::vector<std::string> send() = 0;
    virtual const std::vector<FlowRecord>& waiting() const = 0; // not known to have arrived
    // send_part() may be called, so that no caller has to keep all of a window.
    virtual bool takes_parts() const { return false; }
    // Sends what was added of a window that has more to come. Throws as send().
    virtual void send_part() { send(); }
    // What was added is of a window that was given up on the way.
    virtual void forget() {}
    // The export ends. Throws Error{failed} that counts what cannot be handed on, which is lost
    // unless it `is_saved` for the next run.
    virtual void close(bool is_saved) = 0;
};

} // namespace dynmon
