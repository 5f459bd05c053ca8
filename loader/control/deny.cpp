// SPDX-License-Identifier: BSD-2-Clause
#include "control/deny.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <utility>

#include <linux/types.h>

#include "../../bpf/prefix_filter.h"
#include "base/error.hpp"
#include "control/chain_lookup.hpp"
#include "decode/text.hpp"
#include "hook/hook.hpp"
#include "kernel/device.hpp"
#include "kernel/netns.hpp"
#include "source/find_map.hpp"
#include "source/map_reader.hpp"
#include "source/map_types.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t prefix_head = 4; // the length, before the address

// As struct dynmon_note of bpf/prefix_list.h.
struct Note {
    std::uint64_t id = 0;
    std::array<char, 32> source{};
    std::array<char, 64> reason{};
};

// Cut where a character of UTF-8 begins, and ended by a NUL.
template <std::size_t size>
void set_text(std::array<char, size>& field, const std::string& text) {
    std::size_t length = std::min(text.size(), size - 1);
    while (length > 0 && length < text.size() && (text[length] & 0xc0) == 0x80)
        --length;
    std::copy_n(text.begin(), length, field.begin());
}

template <std::size_t size>
std::string text_of(const std::array<char, size>& field) {
    std::string text;
    spell(std::string_view(field.data(), strnlen(field.data(), size)), false,
          [&](std::string_view piece) { text += piece; });
    return text;
}

// Where a number of so many bytes is.
std::optional<std::uint32_t> number_at(const Layout& value, const char* name, std::uint32_t size) {
    const auto field = find_field(value, name);
    if (!field || field->bit_size != 0 || field->size != size ||
        (field->kind != Layout::Kind::integer && field->kind != Layout::Kind::enumeration))
        return std::nullopt;
    return field->offset;
}

template <typename Number>
Number load_number(const std::byte* at) {
    Number number{};
    std::memcpy(&number, at, sizeof number);
    return number;
}

// A prefix as programs compute with it, see bpf/prefix_filter.h.
struct Numbers {
    std::uint64_t high = 0, low = 0, high_unit = 0, low_unit = 0;

    explicit Numbers(const Network& network) {
        const std::uint32_t length = network.prefix.length;
        const auto read = [&](std::size_t from, std::size_t count) {
            std::uint64_t number = 0;
            for (std::size_t i = 0; i < count; ++i)
                number = number << 8 | network.prefix.address[from + i];
            return number;
        };
        if (network.ipv4) {
            low = read(0, 4);
            low_unit = std::uint64_t{1} << (32 - length);
            return;
        }
        high = read(0, 8);
        low = read(8, 8);
        if (length > 64)
            low_unit = std::uint64_t{1} << (128 - length);
        else if (length > 0)
            high_unit = std::uint64_t{1} << (64 - length);
    }

    bool whole_of_ipv6() const { return high_unit == 0 && low_unit == 0; }
};

std::uint64_t random_odd() {
    std::random_device source;
    return (std::uint64_t{source()} << 32 | source()) | 1;
}

bool is_array_of(const MapFacts& facts, std::size_t size) {
    return facts.type == BPF_MAP_TYPE_ARRAY && facts.value_size == size;
}

dynmon_lengths read_lengths(const Fd& map) {
    const std::uint32_t only = 0;
    dynmon_lengths lengths{};
    lookup_element(map, &only, &lengths);
    return lengths;
}

} // namespace

std::optional<PrefixList> PrefixList::open(const GenerationDir& dir, const GenerationRecord& record,
                                           const MapRecord& map) {
    const MapRecord* filter = record.map(map.name + "_filter");
    const MapRecord* lengths = record.map(map.name + "_lengths");
    const MapRecord* notes = record.map(map.name + "_notes");
    if (map.type != BPF_MAP_TYPE_HASH || map.swapped || !filter || !lengths || !notes)
        return std::nullopt;
    PrefixList list;
    list.name_ = map.name;
    FoundMap found{.fd = dir.open_map(map, Side::a).fd,
                   .pin_path = dir.map_path(map, Side::a),
                   .metric = map.name};
    list.facts_ = map_facts(found.fd);
    const MapTypes types = types_of_map(list.facts_, found, "");
    const Layout value = value_layout(types, list.facts_);
    const auto expires = number_at(value, "expires", sizeof(std::uint64_t));
    const auto packets = number_at(value, "packets", sizeof(std::uint64_t));
    const auto bytes = number_at(value, "bytes", sizeof(std::uint64_t));
    const auto action = number_at(value, "action", sizeof(ListAction));
    list.filter_ = dir.open_map(*filter, Side::a).fd;
    list.lengths_ = dir.open_map(*lengths, Side::a).fd;
    list.notes_ = dir.open_map(*notes, Side::a).fd;
    list.filter_facts_ = map_facts(list.filter_);
    list.notes_facts_ = map_facts(list.notes_);
    if (key_layout(types, list.facts_).semantic != Semantic::cidr || !expires || !packets ||
        !bytes || !action || !is_array_of(list.filter_facts_, sizeof(std::uint64_t)) ||
        !is_array_of(map_facts(list.lengths_), sizeof(dynmon_lengths)) ||
        list.notes_facts_.type != BPF_MAP_TYPE_HASH ||
        list.notes_facts_.key_size != list.facts_.key_size ||
        list.notes_facts_.value_size != sizeof(Note))
        return std::nullopt;
    list.fields_ = {*expires, *packets, *bytes, *action};
    list.map_ = std::move(found.fd);
    return list;
}

void PrefixList::read() {
    MapReader reader(map_, facts_, Take::look);
    for (Batch batch; reader.next(batch);)
        for (std::size_t i = 0; i < batch.count; ++i) {
            const std::byte* value = batch.values + i * batch.value_stride;
            const Network network = network_of(batch.keys + i * batch.key_stride);
            Listed& entry = entries_[network];
            entry.network = network;
            entry.expires_ns = load_number<std::uint64_t>(value + fields_.expires);
            entry.packets = load_number<std::uint64_t>(value + fields_.packets);
            entry.bytes = load_number<std::uint64_t>(value + fields_.bytes);
            entry.action = load_number<ListAction>(value + fields_.action);
        }
    MapReader notes(notes_, notes_facts_, Take::look);
    for (Batch batch; notes.next(batch);)
        for (std::size_t i = 0; i < batch.count; ++i) {
            const auto entry = entries_.find(network_of(batch.keys + i * batch.key_stride));
            if (entry == entries_.end())
                continue;
            const auto note = load_number<Note>(batch.values + i * batch.value_stride);
            entry->second.id = note.id;
            entry->second.source = text_of(note.source);
            entry->second.reason = text_of(note.reason);
        }
}

std::uint64_t PrefixList::next_id() const {
    std::uint64_t next = std::max<std::uint64_t>(read_lengths(lengths_).next_id, 1);
    for (const auto& [network, entry] : entries_) // of a writer that was killed before sync()
        next = std::max(next, entry.id + 1);
    return next;
}

Network PrefixList::network_of(const std::byte* key) const {
    return {ipv4(), Prefix::of(key + prefix_head, facts_.key_size - prefix_head,
                               load_number<std::uint32_t>(key))};
}

std::vector<std::byte> PrefixList::key_of(const Network& network) const {
    std::vector<std::byte> key(facts_.key_size);
    std::memcpy(key.data(), &network.prefix.length, prefix_head);
    std::memcpy(key.data() + prefix_head, network.prefix.address.data(), key.size() - prefix_head);
    return key;
}

void PrefixList::put(const Listed& entry) {
    const std::vector<std::byte> key = key_of(entry.network);
    Note note{.id = entry.id};
    set_text(note.source, entry.source);
    set_text(note.reason, entry.reason);
    update_element(notes_, key.data(), &note);
    std::vector<std::byte> value(facts_.value_size);
    lookup_element(map_, key.data(), value.data());
    std::memcpy(value.data() + fields_.expires, &entry.expires_ns, sizeof entry.expires_ns);
    std::memcpy(value.data() + fields_.action, &entry.action, sizeof entry.action);
    update_element(map_, key.data(), value.data());
    entries_[entry.network] = entry;
}

bool PrefixList::remove(const Network& network) {
    entries_.erase(network);
    const std::vector<std::byte> key = key_of(network);
    const bool removed = delete_element(map_, key.data());
    delete_element(notes_, key.data());
    return removed;
}

// A word is written only when it changes, and then has the bits of every entry that is there: the
// filter never says of one of them that it is not.
void PrefixList::sync_filter(const std::vector<std::uint64_t>& words) const {
    std::vector<std::uint64_t> before(words.size());
    MapReader reader(filter_, filter_facts_, Take::look);
    for (Batch batch; reader.next(batch);)
        for (std::size_t i = 0; i < batch.count; ++i)
            before.at(load_number<std::uint32_t>(batch.keys + i * batch.key_stride)) =
                load_number<std::uint64_t>(batch.values + i * batch.value_stride);
    for (std::uint32_t i = 0; i < words.size(); ++i)
        if (words[i] != before[i])
            update_element(filter_, &i, &words[i]);
}

void PrefixList::remove_stray_notes() const {
    std::vector<std::vector<std::byte>> strays;
    MapReader reader(notes_, notes_facts_, Take::look);
    for (Batch batch; reader.next(batch);)
        for (std::size_t i = 0; i < batch.count; ++i) {
            const std::byte* key = batch.keys + i * batch.key_stride;
            if (entries_.count(network_of(key)) == 0)
                strays.emplace_back(key, key + facts_.key_size);
        }
    for (const std::vector<std::byte>& key : strays)
        delete_element(notes_, key.data());
}

void PrefixList::sync(std::uint64_t next_id) {
    const std::uint32_t only = 0;
    const dynmon_lengths before = read_lengths(lengths_);
    dynmon_lengths lengths{};
    lengths.high_factor = before.high_factor ? before.high_factor : random_odd();
    lengths.low_factor = before.low_factor ? before.low_factor : random_odd();
    lengths.next_id = next_id;
    std::vector<std::uint64_t> words(filter_facts_.max_entries);
    for (const auto& [network, entry] : entries_) {
        const Numbers prefix(network);
        lengths.high |= prefix.high_unit;
        lengths.low |= prefix.low_unit;
        lengths.whole |= prefix.whole_of_ipv6();
        const std::uint64_t hash =
            dynmon_prefix_hash(lengths.high_factor, lengths.low_factor, prefix.high, prefix.low,
                               prefix.high_unit, prefix.low_unit);
        words[dynmon_filter_word(hash, filter_facts_.max_entries)] |= dynmon_filter_bits(hash);
    }
    sync_filter(words);
    if (std::memcmp(&lengths, &before, sizeof lengths) != 0)
        update_element(lengths_, &only, &lengths);
    remove_stray_notes();
}

namespace {

void add(std::vector<ProtectedAddress>& list, const std::vector<DeviceAddress>& addresses,
         const std::string& what) {
    for (const DeviceAddress& found : addresses) {
        const std::string device = interface_name(found.ifindex);
        list.push_back({found.network, what + (device.empty() ? "" : " of " + device)});
    }
}

// `ip netns exec` shows the programs in a namespace this file in the place of /etc/resolv.conf.
std::string resolv_conf_of(const NetNs& netns) {
    const std::string name = netns.name().substr(netns.name().rfind('/') + 1);
    const std::string own = "/etc/netns/" + name + "/resolv.conf";
    return !name.empty() && std::ifstream(own).good() ? own : "/etc/resolv.conf";
}

} // namespace

std::string ProtectedAddress::text() const {
    const std::string text = network.text();
    return text.substr(0, text.find('/'));
}

std::vector<Network> resolvers_in(std::istream& resolv_conf) {
    std::vector<Network> resolvers;
    for (std::string line; std::getline(resolv_conf, line);) {
        std::istringstream words(line);
        std::string keyword, address;
        if (!(words >> keyword >> address) || keyword != "nameserver")
            continue;
        try {
            resolvers.push_back(Network::parse(address.substr(0, address.find('%'))));
        } catch (const Error&) {
            // a line that the system's resolver does not take either
        }
    }
    return resolvers;
}

std::vector<ProtectedAddress> protected_addresses(const Store& store, const HookId& hook) {
    const std::optional<NetNs> netns = netns_of(store, hook);
    if (!netns)
        throw Error(ErrorKind::failed,
                    "look for own addresses, gateways and resolvers: the network "
                    "namespace of the monitor cannot be found")
            .hint("run as root, or use --force to add without this check");
    std::vector<ProtectedAddress> list;
    during("look for own addresses, gateways and resolvers", [&] {
        const NetNsScope inside(*netns);
        add(list, own_addresses(), "an address");
        add(list, gateways(), "a gateway");
    });
    const std::string path = resolv_conf_of(*netns);
    std::ifstream file(path);
    for (const Network& resolver : resolvers_in(file))
        list.push_back({resolver, "a resolver in " + path});
    return list;
}

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
