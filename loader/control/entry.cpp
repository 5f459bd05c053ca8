// SPDX-License-Identifier: BSD-2-Clause
#include "control/entry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "control/build.hpp"
#include "control/chain_lookup.hpp"
#include "decode/decode_plan.hpp"
#include "filter/encode.hpp"
#include "kernel/clock.hpp"
#include "source/map_kind.hpp"
#include "source/map_reader.hpp"
#include "source/map_types.hpp"

namespace dynmon {

namespace {

void require_writable(const MapFacts& facts, const MapRecord& record, const std::string& name) {
    constexpr std::array writable = {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_ARRAY,
                                     BPF_MAP_TYPE_LPM_TRIE};
    if (record.name.starts_with('.'))
        throw Error(ErrorKind::usage, name + " holds the variables of the programs")
            .hint("parameters are set when a probe is loaded: `load --set`, `replace --set`");
    if (std::find(writable.begin(), writable.end(), facts.type) == writable.end())
        throw Error(ErrorKind::usage, name + " is a " + map_type_name(facts.type) +
                                          ": only hashes, arrays and tries are written")
            .hint("per-CPU maps, queues and the like are what programs write");
    if (record.swapped)
        throw Error(ErrorKind::usage, name + " is swapped when it is read")
            .hint("what is written would be gone with the next window");
}

std::string json(const Layout& layout, const std::vector<std::byte>& bytes) {
    std::string text;
    JsonPlan(layout, Style::decoded).append(bytes.data(), text);
    return text;
}

} // namespace

EntryMap EntryMap::open(const Settings& settings, const std::string& name) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == name.size())
        throw Error(ErrorKind::usage, "'" + name + "' names no map").hint("MONITOR/MAP");
    const std::string monitor = name.substr(0, slash);
    const Store store = settings.open_store(false);
    const auto lock = store.try_lock(DirectoryLock::Mode::shared); // until the pin is open
    const std::string path = map_pin(store, monitor, name.substr(slash + 1));
    FoundMap found{.fd = open_map_pin(path), .pin_path = path};
    EntryMap map;
    map.name_ = name;
    map.facts_ = map_facts(found.fd);
    const MapTypes types = types_of_map(map.facts_, found, "");
    const GenerationRecord record = current_generation(store, monitor).read_record();
    require_writable(map.facts_, *record.map(types.name), name);
    if (record.map(types.name + "_filter") != nullptr)
        throw Error(ErrorKind::usage, name + " is a list with a filter beside it")
            .hint("use `deny` or `allow`, which write both");
    map.key_ = key_layout(types, map.facts_);
    map.value_ = value_layout(types, map.facts_);
    map.map_ = std::move(found.fd);
    return map;
}

std::vector<std::byte> EntryMap::encode_key(const std::string& key) const {
    std::vector<std::byte> bytes(facts_.key_size);
    during("key", [&] { encode(key_, key, Encode::whole, epoch_ns(), bytes.data()); });
    return bytes;
}

bool EntryMap::read(const std::vector<std::byte>& key, std::vector<std::byte>& value) const {
    if (facts_.type != BPF_MAP_TYPE_LPM_TRIE)
        return lookup_element(map_, key.data(), value.data());
    MapReader reader(map_, facts_, Take::look);
    for (Batch batch; reader.next(batch);)
        for (std::size_t i = 0; i < batch.count; ++i)
            if (std::equal(key.begin(), key.end(), batch.keys + i * batch.key_stride))
                return lookup_element(map_, key.data(), value.data());
    return false;
}

Entry EntryMap::set(const std::string& key, const std::string& value) const {
    const std::vector<std::byte> key_bytes = encode_key(key);
    std::vector<std::byte> bytes(facts_.value_size);
    Entry entry{.key = json(key_, key_bytes)};
    if (read(key_bytes, bytes))
        entry.was = json(value_, bytes);
    during("value", [&] { encode(value_, value, Encode::some, epoch_ns(), bytes.data()); });
    entry.value = json(value_, bytes);
    try {
        update_element(map_, key_bytes.data(), bytes.data());
    } catch (const Error& error) {
        if (error.error_number() != ENOSPC && error.error_number() != E2BIG)
            throw;
        const bool array = facts_.type == BPF_MAP_TYPE_ARRAY;
        throw Error(array ? ErrorKind::usage : ErrorKind::failed,
                    name_ + (array ? " has indices below " : " is full: it has room for ") +
                        std::to_string(facts_.max_entries) + (array ? "" : " entries"));
    }
    return entry;
}

Entry EntryMap::remove(const std::string& key) const {
    if (facts_.type == BPF_MAP_TYPE_ARRAY)
        throw Error(ErrorKind::usage, name_ + " is an array: its entries are always there")
            .hint("`set` changes one");
    const std::vector<std::byte> key_bytes = encode_key(key);
    std::vector<std::byte> bytes(facts_.value_size);
    Entry entry{.key = json(key_, key_bytes)};
    if (!read(key_bytes, bytes) || !delete_element(map_, key_bytes.data()))
        throw Error(ErrorKind::usage, name_ + " has no entry " + entry.key)
            .hint("`dump " + name_ + "` lists them");
    entry.was = json(value_, bytes);
    return entry;
}

} // namespace dynmon
