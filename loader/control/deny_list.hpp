// SPDX-License-Identifier: BSD-2-Clause
// One list of prefixes that programs look addresses up in, see bpf/prefix_list.h.
//
// That is a hash whose key is a struct dynmon_ipv4_prefix or dynmon_ipv6_prefix and whose value has
// `dynmon_time_ns_t expires` (0 for never), `__u64 packets`, `__u64 bytes` and a 4-byte `action`,
// with the maps NAME_filter, NAME_lengths and NAME_notes beside it. Lists called DENY… say whom the
// probe drops, lists called ALLOW… whom it never drops.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "filter/field_value.hpp"
#include "kernel/bpf.hpp"
#include "state/generation.hpp"

namespace dynmon {

// As enum list_action of the probe `ssdp`.
enum class ListAction : std::uint32_t { drop = 0, dry_run = 1, allow = 2 };

struct Listed {
    Network network;
    std::uint64_t expires_ns = 0; // since the Unix epoch; 0: never
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    ListAction action = ListAction::drop;
    std::uint64_t id = 0; // of the monitor; a number is not used again
    std::string source;
    std::string reason;

    bool has_expired(std::uint64_t now_ns) const { return expires_ns != 0 && expires_ns <= now_ns; }
};

class PrefixList {
public:
    // Nothing: the map is no such list. Its entries are not read yet.
    static std::optional<PrefixList> open(const GenerationDir& dir, const GenerationRecord& record,
                                          const MapRecord& map);

    void read();

    const std::string& name() const { return name_; } // of the map
    bool allows() const { return name_.starts_with("ALLOW"); }
    bool ipv4() const { return facts_.key_size == 8; } // else IPv6
    std::uint32_t room() const { return facts_.max_entries; }
    const std::map<Network, Listed>& entries() const { return entries_; } // as of read() and writes
    std::uint64_t next_id() const;

    // Writes one entry, new or not; what was counted for it goes on. Programs see it after sync().
    void put(const Listed& entry);
    bool remove(const Network& network); // false: it was not there
    // Makes filter, lengths and notes what the entries ask for, also after a writer that was
    // killed.
    void sync(std::uint64_t next_id);

private:
    struct Fields {
        std::uint32_t expires = 0, packets = 0, bytes = 0, action = 0;
    };

    PrefixList() = default;
    void sync_filter(const std::vector<std::uint64_t>& words) const;
    void remove_stray_notes() const;
    std::vector<std::byte> key_of(const Network& network) const;
    Network network_of(const std::byte* key) const;

    Fd map_, filter_, lengths_, notes_;
    std::string name_;
    MapFacts facts_, filter_facts_, notes_facts_;
    Fields fields_;
    std::map<Network, Listed> entries_;
};

} // namespace dynmon
