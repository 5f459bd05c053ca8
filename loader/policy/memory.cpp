// SPDX-License-Identifier: BSD-2-Clause
#include "policy/memory.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <bpf/libbpf.h>

#include "base/error.hpp"
#include "base/map_type.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"

namespace dynmon::policy {

namespace {

// Fields of struct __sk_buff, as include/uapi/linux/bpf.h has them for ever.
constexpr std::array<std::pair<int, const char*>, 34> skb_fields = {{
    {0, "len"},           {4, "pkt_type"},
    {8, "mark"},          {12, "queue_mapping"},
    {16, "protocol"},     {20, "vlan_present"},
    {24, "vlan_tci"},     {28, "vlan_proto"},
    {32, "priority"},     {36, "ingress_ifindex"},
    {40, "ifindex"},      {44, "tc_index"},
    {48, "cb"},           {68, "hash"},
    {72, "tc_classid"},   {76, "data"},
    {80, "data_end"},     {84, "napi_id"},
    {88, "family"},       {92, "remote_ip4"},
    {96, "local_ip4"},    {100, "remote_ip6"},
    {116, "local_ip6"},   {132, "remote_port"},
    {136, "local_port"},  {140, "data_meta"},
    {144, "flow_keys"},   {152, "tstamp"},
    {160, "wire_len"},    {164, "gso_segs"},
    {168, "sk"},          {176, "gso_size"},
    {180, "tstamp_type"}, {184, "hwtstamp"},
}};

struct PointerField {
    int begin;
    int end;
    std::uint16_t kinds;
};
constexpr std::array<PointerField, 5> skb_pointers = {{
    {76, 80, kind::packet},
    {80, 84, kind::packet_end},
    {140, 144, kind::metadata},
    {144, 152, kind::kernel},
    {168, 176, kind::socket},
}};
constexpr std::array<PointerField, 3> xdp_pointers = {{
    {0, 4, kind::packet},
    {4, 8, kind::packet_end},
    {8, 12, kind::metadata},
}};

// A context's field of which it is not known which one it is.
Value any_field() {
    Value value = Value::any();
    value.kinds |= kind::packet | kind::packet_end | kind::metadata | kind::socket | kind::kernel;
    return value;
}

template <typename Fields>
Value pointer_field(const Fields& fields, std::int64_t place, unsigned size) {
    for (const PointerField& field : fields)
        if (place < field.end && place + static_cast<std::int64_t>(size) > field.begin)
            return (field.kinds & (kind::socket | kind::kernel)) != 0
                       ? Value::pointer_or_null(field.kinds)
                       : Value::pointer(field.kinds);
    return Value::any();
}

} // namespace

Memory::Memory(const Object& object, const ProgramInfo& program, bool may_drop, Findings& findings)
    : object_(object), program_(program), findings_(findings), rodata_(data_map(object, ".rodata")),
      slot_(constant("dynmon_slot")), drop_(constant("dynmon_may_drop")), may_drop_(may_drop) {}

// As the loader finds it. Another variable in the same place may be a parameter: then it is none.
Memory::Constant Memory::constant(const char* name) const {
    const btf* types = object_.types();
    const btf_var_secinfo* place = find_constant(types, name);
    if (place == nullptr)
        return {};
    const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
    for (int i = 0; i < btf_vlen(type); ++i) {
        const btf_var_secinfo* other = btf_var_secinfos(type) + i;
        if (other != place && other->offset < std::uint64_t{place->offset} + place->size &&
            std::uint64_t{other->offset} + other->size > place->offset)
            return {};
    }
    return {place->offset, place->size};
}

std::optional<std::int64_t> Memory::place_of(const Target& target) const {
    if (!target.offset || !target.pointer.offset)
        return std::nullopt;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(*target.pointer.offset) +
                                     static_cast<std::uint64_t>(*target.offset));
}

Value Memory::load(std::size_t at, const Target& from, const State& state) const {
    const auto place = place_of(from);
    const Value& pointer = from.pointer;
    std::optional<Value> loaded;
    const auto add = [&](const Value& value) {
        if (loaded)
            loaded->join(value);
        else
            loaded = value;
    };
    if (!pointer.may_be(kind::pointers) || pointer.may_be(kind::packet_end | kind::map))
        findings_.add(at, Power::read_kernel, "a load through a pointer that it did not get here");
    if (pointer.may_be(kind::context))
        add(load_context(place, from.size));
    if (pointer.may_be(kind::stack))
        add(state.load(pointer, place, from.size));
    if (pointer.may_be(kind::map_value))
        add(load_value(pointer, place, from.size));
    if (pointer.may_be(kind::kernel))
        add(from.size == 8 ? Value::pointer_or_null(kind::kernel) : Value::any());
    return loaded ? *loaded : Value::any();
}

Value Memory::load_context(std::optional<std::int64_t> place, unsigned size) const {
    if (!place)
        return any_field();
    return program_.type == BPF_PROG_TYPE_XDP ? pointer_field(xdp_pointers, *place, size)
                                              : pointer_field(skb_pointers, *place, size);
}

Value Memory::load_value(const Value& pointer, std::optional<std::int64_t> place,
                         unsigned size) const {
    if (!rodata_ || pointer.map != rodata_ || !place || !pointer.is_only(kind::map_value))
        return Value::any();
    if (*place == slot_.offset && size == slot_.size) {
        Value slot = Value::any();
        slot.kinds = kind::slot;
        return slot;
    }
    if (*place == drop_.offset && size == drop_.size)
        return Value::of(may_drop_ ? 1 : 0);
    return Value::any();
}

std::string Memory::field_name(std::optional<std::int64_t> place) const {
    if (program_.type == BPF_PROG_TYPE_XDP)
        return "a field of struct xdp_md";
    std::string name;
    if (place)
        for (const auto& [offset, field] : skb_fields)
            if (offset <= *place)
                name = field;
    return name.empty() ? "a field of struct __sk_buff" : "__sk_buff." + name;
}

void Memory::check_write(std::size_t at, const std::string& who, const Target& to) const {
    const Value& pointer = to.pointer;
    if (pointer.may_be(kind::context))
        findings_.add(at, Power::write_packets, who + " to " + field_name(place_of(to)));
    if (pointer.may_be(kind::packet))
        findings_.add(at, Power::write_packets, who + " to its bytes");
    if (pointer.may_be(kind::metadata))
        findings_.add(at, Power::write_packets, who + " to the bytes in front of it");
    if (pointer.may_be(kind::kernel | kind::socket | kind::packet_end | kind::map | kind::function))
        findings_.add(at, std::nullopt, who + " into the kernel's own memory");
    if (!pointer.may_be(kind::pointers) && pointer.constant() != 0)
        findings_.add(at, std::nullopt, who + " through a pointer of which nothing is known");
}

void Memory::store(std::size_t at, const Target& to, const Value& value, State& state) const {
    check_write(at, "a store", to);
    if (to.pointer.may_be(kind::stack))
        state.store(to.pointer, place_of(to), to.size, value);
}

void Memory::output(std::size_t at, const std::string& who, const Value& pointer,
                    State& state) const {
    check_write(at, who + ", which writes", {.pointer = pointer, .offset = 0});
    if (pointer.may_be(kind::stack))
        state.scrub(pointer);
}

} // namespace dynmon::policy

namespace dynmon {

namespace {

constexpr std::uint64_t most = UINT64_MAX / 8; // sums of such are cut, not wrapped

std::uint64_t multiplied(std::uint64_t a, std::uint64_t b) {
    return a != 0 && b > most / a ? most : a * b;
}

std::uint64_t added(std::uint64_t a, std::uint64_t b) {
    return a > most - std::min(b, most) ? most : a + b;
}

std::uint64_t rounded(std::uint64_t bytes) {
    return (bytes + 7) & ~std::uint64_t{7};
}

// What the kernel keeps of each entry beside key and value: links and, at worst, two buckets; of a
// trie the nodes that branch, too.
std::uint64_t kept_of_entry(const MapInfo& map) {
    constexpr std::uint64_t element = 48, bucket = 16, node = 40;
    switch (map.type) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
    case BPF_MAP_TYPE_DEVMAP_HASH:
    case rhash_type:
        return element + 2 * bucket;
    case BPF_MAP_TYPE_LPM_TRIE:
        return 2 * node + rounded(map.key_size);
    default:
        return 0;
    }
}

std::string mebibytes(std::uint64_t bytes) {
    return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB";
}

} // namespace

std::uint64_t map_bytes(const MapInfo& map, std::size_t cpus) {
    if (map.type == BPF_MAP_TYPE_RINGBUF || map.type == 31) // user_ringbuf: bytes, not entries
        return map.max_entries;
    const std::uint64_t values =
        multiplied(rounded(map.value_size), is_per_cpu(map.type) ? cpus : 1);
    const std::uint64_t key = is_array_like(map.type) ? 0 : rounded(map.key_size);
    return multiplied(map.max_entries, added(kept_of_entry(map) + key, values));
}

void require_map_memory(const Manifest& manifest, const Object& object,
                        const std::vector<MapShape>& shapes, std::uint64_t limit) {
    const auto cpus = static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1));
    const std::set<std::string> swapped = manifest.swapped_maps();
    std::uint64_t all = 0;
    std::uint64_t largest = 0;
    std::string name;
    const auto count = [&](const MapInfo& map) {
        const std::uint64_t bytes =
            multiplied(map_bytes(map, cpus), swapped.contains(map.name) ? 2 : 1);
        all = added(all, bytes);
        if (bytes >= largest) {
            largest = bytes;
            name = map.name;
        }
    };
    for (const MapInfo& map : object.maps())
        count(shaped(map, shapes));
    for (const MapInfo& map : object.templates())
        count(map);
    if (all > limit)
        throw Error(ErrorKind::rejected, "its maps would take " + mebibytes(all) + ", of which '" +
                                             name + "' takes " + mebibytes(largest) + "; at most " +
                                             mebibytes(limit) + " are allowed")
            .hint("make them smaller with --set or `max-entries`, or raise `map-memory-mib` in the "
                  "machine's policy");
}

} // namespace dynmon
