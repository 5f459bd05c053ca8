// SPDX-License-Identifier: BSD-2-Clause
// The deny lists and the allow lists of a running monitor, one of a family each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/deny_list.hpp"
#include "control/settings.hpp"
#include "state/hook_id.hpp"
#include "state/lock.hpp"

namespace dynmon {

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
