// SPDX-License-Identifier: BSD-2-Clause
#include "control/deny_list.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <utility>

#include <linux/types.h>

#include "../../bpf/prefix_filter.h"
#include "base/error.hpp"
#include "decode/text.hpp"
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

} // namespace dynmon
