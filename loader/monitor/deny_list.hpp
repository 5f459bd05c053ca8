// One deny list: a trie of prefixes that programs look addresses up in.
//
// That is a map of type LPM_TRIE whose key is a prefix (a length and a dynmon_ipv4_t or
// dynmon_ipv6_t) and whose value has a `dynmon_time_ns_t expires`, 0 for never. Of the value's
// other fields `prefixlen` is set to that of the key, `packets` and `bytes` are what was dropped.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel/bpf.hpp"
#include "query/network.hpp"
#include "read/find_map.hpp"

namespace dynmon {

struct Denied {
    Network network;
    std::uint64_t expires_ns = 0; // since the Unix epoch; 0: never
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    bool has_expired(std::uint64_t now_ns) const { return expires_ns != 0 && expires_ns <= now_ns; }
};

class DenyList {
public:
    // Nothing: the map is no deny list.
    static std::optional<DenyList> from(FoundMap found, const std::string& name);

    const std::string& name() const { return name_; }               // of the map
    bool ipv4() const;                                              // else IPv6
    const std::set<Network>& networks() const { return networks_; } // as of from(), add, remove

    // Denies until `expires_ns`; what was counted for it before goes on. Throws Error{failed} when
    // the list is full.
    void add(const Network& network, std::uint64_t expires_ns);
    bool remove(const Network& network); // false: it was not there
    std::vector<Denied> entries() const; // in no order

private:
    // Where fields of the value are; a value may lack all but the first.
    struct Fields {
        std::uint32_t expires = 0;
        std::optional<std::uint32_t> prefixlen, packets, bytes;
    };

    DenyList() = default;
    Denied decode(const std::byte* key, const std::byte* value) const;
    std::vector<std::byte> key_of(const Network& network) const;

    Fd map_;
    std::string name_;
    MapFacts facts_;
    Fields fields_;
    std::set<Network> networks_;
};

} // namespace dynmon
