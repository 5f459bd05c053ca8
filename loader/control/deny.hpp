// SPDX-License-Identifier: BSD-2-Clause
// The deny lists and the allow lists of a running monitor, one of a family each.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/settings.hpp"
#include "filter/field_value.hpp"
#include "kernel/bpf.hpp"
#include "state/generation.hpp"
#include "state/hook_id.hpp"
#include "state/lock.hpp"
#include "state/store.hpp"

namespace dynmon {

// One list of prefixes that programs look addresses up in, see bpf/prefix_list.h.
//
// That is a hash whose key is a struct dynmon_ipv4_prefix or dynmon_ipv6_prefix and whose value has
// `dynmon_time_ns_t expires` (0 for never), `__u64 packets`, `__u64 bytes` and a 4-byte `action`,
// with the maps NAME_filter, NAME_lengths and NAME_notes beside it. Lists called DENY… say whom the
// probe drops, lists called ALLOW… whom it never drops.

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

// Addresses that a machine cannot do without: its own, its gateways, its resolvers.

struct ProtectedAddress {
    Network network;  // one address
    std::string what; // "an address of eth0"

    std::string text() const; // without its length
};

// Those of the network namespace of a hook. Needs CAP_SYS_ADMIN when it is not the caller's; throws
// Error{failed} when it cannot be found or entered.
std::vector<ProtectedAddress> protected_addresses(const Store& store, const HookId& hook);

// The lines `nameserver ADDRESS` of a resolv.conf.
std::vector<Network> resolvers_in(std::istream& resolv_conf);

enum class ListKind { deny, allow };
const char* to_string(ListKind kind); // "deny" | "allow"

// What is to be added.
struct Addition {
    Network network;
    std::string reason; // "": that of an entry which is renewed stays
};
struct Terms {
    std::uint64_t expires_ns = 0;
    bool dry_run = false;
    std::string source;
};
struct Additions {
    std::vector<Network> added, renewed; // each once
};

class PrefixLists {
public:
    enum class Access { look, write };

    // With `write` no other process writes the lists of the monitor, or replaces it, meanwhile.
    // Throws Error{usage} when the monitor has no list of that kind.
    static PrefixLists open(const Settings& settings, const std::string& monitor, ListKind kind,
                            Access access);

    // What is in them, which needs no rights; before all that follows.
    void read();

    std::vector<Listed> entries() const; // by network: IPv4 first

    // All or nothing: throws Error{failed} when a list has not room for all of them, Error{usage}
    // when there is no list for a family.
    Additions add(const std::vector<Addition>& additions, const Terms& terms);
    // Each of them has to be there, or Error{usage} is thrown and nothing is removed.
    void remove(const std::vector<Network>& networks);
    std::vector<Listed> purge(std::uint64_t now_ns); // what had expired, and is gone now

    // Needs no read(). Throws Error{rejected} for what would cut the machine off: the whole of a
    // family, and addresses of the monitor's own network namespace, its gateways and its resolvers.
    void require_harmless(const std::vector<Addition>& additions) const;

private:
    PrefixList& list_for(const Network& network);
    void require_room(const std::vector<Network>& added);
    void sync(std::uint64_t next_id);
    std::uint64_t next_id() const;

    std::string monitor_;
    ListKind kind_ = ListKind::deny;
    std::optional<Store> store_;
    HookId hook_; // the first of the monitor
    std::vector<PrefixList> lists_;
    std::vector<PrefixList> others_; // of the other kind: numbers of entries are not used again
    std::optional<DirectoryLock> writing_;
};

} // namespace dynmon
