#include "monitor/deny_list.hpp"

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "read/map_reader.hpp"
#include "read/map_types.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t length_size = 4; // what the key of every trie starts with

// The offset of an integer of so many bytes.
std::optional<std::uint32_t> integer_at(const Layout& value, const char* name, std::uint32_t size) {
    const auto field = find_field(value, name);
    if (!field || field->kind != Layout::Kind::integer || field->bit_size != 0 ||
        field->size != size)
        return std::nullopt;
    return field->offset;
}

std::uint64_t load_u64(const std::byte* value, std::optional<std::uint32_t> offset) {
    std::uint64_t number = 0;
    if (offset)
        std::memcpy(&number, value + *offset, sizeof number);
    return number;
}

} // namespace

std::optional<DenyList> DenyList::from(FoundMap found, const std::string& name) {
    DenyList list;
    list.name_ = name;
    list.facts_ = map_facts(found.fd);
    if (list.facts_.type != BPF_MAP_TYPE_LPM_TRIE)
        return std::nullopt;
    const MapTypes types = types_of_map(list.facts_, found, "");
    const Layout value = value_layout(types, list.facts_);
    const auto expires = integer_at(value, "expires", sizeof(std::uint64_t));
    if (key_layout(types, list.facts_).meaning != Meaning::cidr || !expires ||
        find_field(value, "expires")->meaning != Meaning::time_ns)
        return std::nullopt;
    list.fields_ = {.expires = *expires,
                    .prefixlen = integer_at(value, "prefixlen", sizeof(std::uint32_t)),
                    .packets = integer_at(value, "packets", sizeof(std::uint64_t)),
                    .bytes = integer_at(value, "bytes", sizeof(std::uint64_t))};
    list.map_ = std::move(found.fd);
    for (const Denied& denied : list.entries())
        list.networks_.insert(denied.network);
    return list;
}

bool DenyList::ipv4() const {
    return facts_.key_size == length_size + 4;
}

Denied DenyList::decode(const std::byte* key, const std::byte* value) const {
    std::uint32_t length = 0;
    std::memcpy(&length, key, sizeof length);
    return {
        .network = {ipv4(), Prefix::of(key + length_size, facts_.key_size - length_size, length)},
        .expires_ns = load_u64(value, fields_.expires),
        .packets = load_u64(value, fields_.packets),
        .bytes = load_u64(value, fields_.bytes)};
}

std::vector<std::byte> DenyList::key_of(const Network& network) const {
    std::vector<std::byte> key(facts_.key_size);
    std::memcpy(key.data(), &network.prefix.length, length_size);
    std::memcpy(key.data() + length_size, network.prefix.address.data(), key.size() - length_size);
    return key;
}

// A look-up finds the longest prefix that fits: the very one, if it is there.
void DenyList::add(const Network& network, std::uint64_t expires_ns) {
    const std::vector<std::byte> key = key_of(network);
    std::vector<std::byte> value(facts_.value_size);
    if (networks_.count(network) == 1 && !lookup_element(map_, key.data(), value.data()))
        value.assign(value.size(), std::byte{});
    std::memcpy(value.data() + fields_.expires, &expires_ns, sizeof expires_ns);
    if (fields_.prefixlen)
        std::memcpy(value.data() + *fields_.prefixlen, &network.prefix.length,
                    sizeof network.prefix.length);
    try {
        update_element(map_, key.data(), value.data());
    } catch (const Error& error) {
        if (error.error_number() != ENOSPC)
            throw;
        throw Error(ErrorKind::failed, "deny list '" + name_ + "' is full: it has room for " +
                                           std::to_string(facts_.max_entries) + " prefixes")
            .hint("`deny NAME purge` removes those that have expired; one shorter prefix can stand "
                  "for many");
    }
    networks_.insert(network);
}

bool DenyList::remove(const Network& network) {
    networks_.erase(network);
    return delete_element(map_, key_of(network).data());
}

std::vector<Denied> DenyList::entries() const {
    std::vector<Denied> entries;
    MapReader reader(map_, facts_, Take::look);
    for (Batch batch; reader.next(batch);)
        for (std::size_t i = 0; i < batch.count; ++i)
            entries.push_back(
                decode(batch.keys + i * batch.key_stride, batch.values + i * batch.value_stride));
    return entries;
}

} // namespace dynmon
