// SPDX-License-Identifier: BSD-2-Clause
#include "control/deny.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "control/chain_lookup.hpp"
#include "control/protected_addresses.hpp"

namespace dynmon {

namespace {

const char* family(bool ipv4) {
    return ipv4 ? "IPv4" : "IPv6";
}

std::string count_text(std::size_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "es");
}

} // namespace

const char* to_string(ListKind kind) {
    return kind == ListKind::deny ? "deny" : "allow";
}

PrefixLists PrefixLists::open(const Settings& settings, const std::string& monitor, ListKind kind,
                              Access access) {
    const Store store = settings.open_store(false);
    store.require_monitor(monitor);
    PrefixLists lists;
    if (access == Access::write)
        lists.writing_ = store.lock_monitor(monitor, DirectoryLock::Mode::exclusive);
    const auto lock = store.try_lock(DirectoryLock::Mode::shared); // until the pins are open
    store.require_monitor(monitor);
    lists.monitor_ = monitor;
    lists.kind_ = kind;
    const GenerationDir dir = current_generation(store, monitor);
    const GenerationRecord record = dir.read_record();
    if (!record.programs.empty())
        lists.hook_ = record.programs.front().hook;
    lists.store_ = store;
    for (const MapRecord& map : record.maps) {
        auto list = PrefixList::open(dir, record, map);
        if (!list)
            continue;
        if (list->allows() != (kind == ListKind::allow)) {
            lists.others_.push_back(std::move(*list));
            continue;
        }
        for (const PrefixList& other : lists.lists_)
            if (other.ipv4() == list->ipv4())
                throw Error(ErrorKind::usage, "monitor '" + monitor + "' has two " +
                                                  to_string(kind) + " lists for " +
                                                  family(list->ipv4()) + ": " + other.name() +
                                                  " and " + list->name());
        lists.lists_.push_back(std::move(*list));
    }
    if (lists.lists_.empty())
        throw Error(ErrorKind::usage,
                    "monitor '" + monitor + "' has no " + to_string(kind) + " list")
            .hint("load the probe 'ssdp', or replace a monitor that an older dynmon has loaded");
    return lists;
}

void PrefixLists::read() {
    for (std::vector<PrefixList>* lists : {&lists_, &others_})
        for (PrefixList& list : *lists)
            list.read();
}

PrefixList& PrefixLists::list_for(const Network& network) {
    for (PrefixList& list : lists_)
        if (list.ipv4() == network.ipv4)
            return list;
    throw Error(ErrorKind::usage, "'" + network.text() + "': monitor '" + monitor_ + "' has no " +
                                      to_string(kind_) + " list for " + family(network.ipv4));
}

std::vector<Listed> PrefixLists::entries() const {
    std::map<Network, Listed> all;
    for (const PrefixList& list : lists_)
        all.insert(list.entries().begin(), list.entries().end());
    std::vector<Listed> entries;
    for (auto& [network, entry] : all)
        entries.push_back(std::move(entry));
    return entries;
}

std::uint64_t PrefixLists::next_id() const {
    std::uint64_t next = 1;
    for (const PrefixList& list : lists_)
        next = std::max(next, list.next_id());
    for (const PrefixList& other : others_)
        next = std::max(next, other.next_id());
    return next;
}

void PrefixLists::sync(std::uint64_t next_id) {
    for (PrefixList& list : lists_)
        list.sync(next_id);
}

void PrefixLists::require_room(const std::vector<Network>& added) {
    for (const PrefixList& list : lists_) {
        const auto wanted = static_cast<std::size_t>(std::count_if(
            added.begin(), added.end(), [&](const Network& n) { return n.ipv4 == list.ipv4(); }));
        const std::size_t taken = list.entries().size();
        const std::size_t left = taken < list.room() ? list.room() - taken : 0;
        if (wanted <= left)
            continue;
        throw Error(ErrorKind::failed,
                    std::string(to_string(kind_)) + " list '" + list.name() + "' is full: " +
                        std::to_string(taken) + " of " + std::to_string(list.room()) +
                        " places are taken, " + std::to_string(left) + " of the " +
                        count_text(wanted, "new prefix") + " would fit; nothing was added")
            .hint("remove what has expired with `" + std::string(to_string(kind_)) +
                  " NAME purge`, or cover many addresses with one shorter prefix");
    }
}

Additions PrefixLists::add(const std::vector<Addition>& additions, const Terms& terms) {
    Additions result;
    std::map<Network, Listed> wanted;
    std::uint64_t id = next_id();
    for (const Addition& addition : additions) {
        const auto& entries = list_for(addition.network).entries();
        const auto [place, first] = wanted.try_emplace(addition.network);
        Listed& entry = place->second;
        const auto old = entries.find(addition.network);
        if (first) {
            if (old != entries.end())
                entry = old->second;
            else
                entry.id = id++;
            (old != entries.end() ? result.renewed : result.added).push_back(addition.network);
        }
        entry.network = addition.network;
        entry.expires_ns = terms.expires_ns;
        entry.action = kind_ == ListKind::allow ? ListAction::allow
                       : terms.dry_run          ? ListAction::dry_run
                                                : ListAction::drop;
        entry.source = terms.source;
        if (!addition.reason.empty() || entry.reason.empty())
            entry.reason = addition.reason.empty() ? "not given" : addition.reason;
    }
    require_room(result.added);
    std::vector<std::pair<Network, std::optional<Listed>>> done;
    try {
        for (const auto& [network, entry] : wanted) {
            PrefixList& list = list_for(network);
            const auto old = list.entries().find(network);
            done.emplace_back(network, old == list.entries().end() ? std::nullopt
                                                                   : std::optional(old->second));
            list.put(entry);
        }
    } catch (...) {
        for (const auto& [network, old] : done) {
            if (old)
                list_for(network).put(*old);
            else
                list_for(network).remove(network);
        }
        sync(id);
        throw;
    }
    sync(id);
    return result;
}

void PrefixLists::remove(const std::vector<Network>& networks) {
    for (const Network& network : networks) {
        if (list_for(network).entries().count(network) == 1)
            continue;
        Error error(ErrorKind::usage, network.text() + " is not on the " + to_string(kind_) +
                                          " list of '" + monitor_ + "'; nothing was removed");
        for (const Listed& other : entries())
            if (other.network.contains(network))
                error.hint("it lies in " + other.network.text() + ", which is");
        throw error;
    }
    for (const Network& network : networks)
        list_for(network).remove(network);
    sync(next_id());
}

std::vector<Listed> PrefixLists::purge(std::uint64_t now_ns) {
    std::vector<Listed> purged;
    for (const Listed& entry : entries())
        if (entry.has_expired(now_ns) && list_for(entry.network).remove(entry.network))
            purged.push_back(entry);
    sync(next_id());
    return purged;
}

void PrefixLists::require_harmless(const std::vector<Addition>& additions) const {
    const std::vector<ProtectedAddress> addresses = protected_addresses(*store_, hook_);
    for (const Addition& addition : additions) {
        const Network& network = addition.network;
        std::string why;
        if (network.prefix.length == 0)
            why = std::string("is the whole of ") + family(network.ipv4);
        for (const ProtectedAddress& address : addresses)
            if (why.empty() && network.contains(address.network))
                why = "has " + address.text() + " in it, " + address.what;
        if (!why.empty())
            throw Error(ErrorKind::rejected, network.text() + " " + why + "; nothing was added")
                .hint("leave it out, or use --force if you mean it");
    }
}

} // namespace dynmon
