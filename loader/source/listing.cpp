// SPDX-License-Identifier: BSD-2-Clause
#include "source/listing.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "decode/scalar.hpp"
#include "kernel/machine.hpp"
#include "kernel/map_calls.hpp"
#include "kernel/rights.hpp"
#include "object/object.hpp"
#include "source/map_kind.hpp"
#include "source/typed_map.hpp"

namespace dynmon {

namespace {

// Keys and values as the kernel gives them, in whatever way is the quickest for the type.
class PlainListing : public Listing {
public:
    PlainListing(const MapFacts& facts, const MapTypes& types) : facts_(facts) {
        if (!is_queue_like(facts.type))
            key = key_layout(types, facts);
        value = value_layout(types, facts);
        cpus = is_per_cpu(facts.type) ? possible_cpus() : 0;
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take take, unsigned jobs) const override {
        // Cgroup storage has no batches. Those of a resizable hash end with EAGAIN when the key
        // that stands for the place is deleted meanwhile.
        if (!is_readable(facts_.type))
            return walk_by_key(map, facts_, take);
        return std::make_unique<ReaderWalk>(map, facts_, take, jobs);
    }

private:
    class ReaderWalk : public MapReader::Walk {
    public:
        ReaderWalk(const Fd& map, const MapFacts& facts, Take take, unsigned jobs)
            : reader_(map, facts, take, jobs) {}
        bool next(Batch& batch) override { return reader_.next(batch); }
        bool approximate() const override { return reader_.approximate(); }

    private:
        MapReader reader_;
    };

    MapFacts facts_;
};

} // namespace

std::unique_ptr<Listing> list_plain(const MapFacts& facts, const MapTypes& types) {
    return std::make_unique<PlainListing>(facts, types);
}

std::unique_ptr<Listing> make_listing(const Fd& map, const MapFacts& facts, const MapTypes& types) {
    switch (map_kind(facts.type)) {
    case MapKind::plain:
    case MapKind::trie:
        // With an unknown flag the kernel still does the reading, but perhaps of more bytes.
        return strange_flags(facts) == 0 ? list_plain(facts, types)
                                         : list_unknown(map, facts, types);
    case MapKind::queue:
        return list_plain(facts, types);
    case MapKind::inner_maps:
        return list_inner_maps(map, facts, types);
    case MapKind::programs:
        return list_programs(facts, types);
    case MapKind::devices:
        return list_devices(facts, types);
    case MapKind::cpus:
        return list_cpus(facts, types);
    case MapKind::sockets:
        return list_sockets(facts, types);
    case MapKind::stacks:
        return list_stacks(facts, types);
    case MapKind::struct_ops:
        return list_struct_ops(facts);
    case MapKind::task_storage:
        return list_tasks(facts, types);
    case MapKind::cgroup_storage:
        return list_cgroups(facts, types);
    case MapKind::socket_storage:
        return list_owned_sockets(facts, types);
    case MapKind::unknown:
        return list_unknown(map, facts, types);
    case MapKind::events:
    case MapKind::closed:
        break;
    }
    refuse_listing(facts);
}

// Maps whose values are ids and handles of the kernel: shown with what these stand for.

namespace {

constexpr std::uint32_t id_size = 4;
constexpr std::uint32_t name_size = BPF_OBJ_NAME_LEN;
constexpr std::uint32_t type_size = 32;

// The map's own keys and values, of which those that are set become rows by `translate`.
class HandleListing : public Listing {
public:
    using Translate = std::function<void(const std::byte* from, std::byte* row)>;

    HandleListing(const MapFacts& facts, const MapTypes& types, Layout row, Translate translate)
        : facts_(facts), translate_(std::move(translate)) {
        key = key_layout(types, facts);
        value = std::move(row);
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take, unsigned) const override {
        return std::make_unique<HandleWalk>(*this, map);
    }

private:
    // By key: where slots are numbered the kernel walks all of them, and an empty one has no value.
    class HandleWalk : public MapReader::Walk {
    public:
        HandleWalk(const HandleListing& listing, const Fd& map)
            : translate_(listing.translate_), row_(listing.value.size),
              walk_(walk_by_key(map, listing.facts_, Take::look)) {}
        bool next(Batch& batch) override {
            if (!walk_->next(batch))
                return false;
            translate_(batch.values, row_.data());
            batch.values = row_.data();
            batch.value_stride = row_.size();
            return true;
        }
        bool approximate() const override { return walk_->approximate(); }

    private:
        Translate translate_;
        std::vector<std::byte> row_;
        std::unique_ptr<MapReader::Walk> walk_;
    };

    MapFacts facts_;
    Translate translate_;
};

// Names of programs are for CAP_SYS_ADMIN only: without it they are empty, and so are those of
// programs that are gone.
std::string program_name(std::uint32_t id) {
    const Fd program = id == 0 ? Fd() : try_open_program(id);
    return program ? program_facts(program).name : "";
}

// {u32; u32 program id}, or the first alone: how devmap and cpumap are looked up.
std::unique_ptr<Listing> list_with_program(const MapFacts& facts, const MapTypes& types,
                                           const char* what, Semantic semantic) {
    SyntheticStruct row;
    row.number(what, id_size, semantic);
    const bool with_program = facts.value_size >= 2 * id_size;
    if (with_program) {
        row.number("program_id", id_size);
        row.text("program", name_size);
    }
    return std::make_unique<HandleListing>(
        facts, types, std::move(row).layout(),
        [with_program](const std::byte* from, std::byte* to) {
            std::memcpy(to, from, (with_program ? 2 : 1) * id_size);
            if (with_program)
                store_text(to + 2 * id_size, name_size,
                           program_name(load<std::uint32_t>(from + id_size)));
        });
}

} // namespace

std::unique_ptr<Listing> list_programs(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct row;
    row.number("id", id_size);
    if (!next_program_id(0)) // not for us to see: the ids alone
        return std::make_unique<HandleListing>(
            facts, types, std::move(row).layout(),
            [](const std::byte* from, std::byte* to) { std::memcpy(to, from, id_size); });
    const std::uint32_t name = row.text("name", name_size);
    const std::uint32_t type = row.text("type", type_size);
    const std::uint32_t tag = row.bytes("tag", sizeof(ProgramFacts::tag));
    return std::make_unique<HandleListing>(
        facts, types, std::move(row).layout(), [=](const std::byte* from, std::byte* to) {
            const std::uint32_t id = load<std::uint32_t>(from);
            const Fd program = try_open_program(id);
            const ProgramFacts found = program ? program_facts(program) : ProgramFacts{};
            store(to, id);
            store_text(to + name, name_size, found.name);
            store_text(to + type, type_size, program ? program_type_name(found.type) : "");
            std::memcpy(to + tag, found.tag.data(), found.tag.size());
        });
}

std::unique_ptr<Listing> list_devices(const MapFacts& facts, const MapTypes& types) {
    return list_with_program(facts, types, "ifindex", Semantic::ifindex);
}

std::unique_ptr<Listing> list_cpus(const MapFacts& facts, const MapTypes& types) {
    return list_with_program(facts, types, "qsize", Semantic::none);
}

std::unique_ptr<Listing> list_sockets(const MapFacts& facts, const MapTypes& types) {
    constexpr std::uint32_t cookie_size = 8;
    if (facts.value_size != cookie_size)
        throw Error(ErrorKind::unsupported,
                    "map '" + facts.name + "' is of type " + map_type_name(facts.type) +
                        " with values of 4 bytes: the kernel shows the cookies of its sockets only "
                        "where values have 8");
    SyntheticStruct row;
    row.number("cookie", cookie_size);
    return std::make_unique<HandleListing>(
        facts, types, std::move(row).layout(),
        [](const std::byte* from, std::byte* to) { std::memcpy(to, from, cookie_size); });
}

std::unique_ptr<Listing> list_stacks(const MapFacts& facts, const MapTypes& types) {
    constexpr std::uint32_t address_size = 8;
    const bool addresses =
        (facts.flags & stack_build_id) == 0 && facts.value_size % address_size == 0;
    Layout row = value_layout(types, facts);
    if (addresses) {
        row = Layout{.kind = Layout::Kind::array,
                     .size = facts.value_size,
                     .count = facts.value_size / address_size,
                     .stride = address_size};
        row.fields.push_back(Layout{.kind = Layout::Kind::pointer, .size = address_size});
    }
    return std::make_unique<HandleListing>(
        facts, types, std::move(row),
        [size = facts.value_size](const std::byte* from, std::byte* to) {
            std::memcpy(to, from, size);
        });
}

std::unique_ptr<Listing> list_struct_ops(const MapFacts& facts) {
    MapTypes types{.name = facts.name,
                   .btf = BtfPtr(btf__load_vmlinux_btf()),
                   .value_id = facts.vmlinux_value_type_id};
    return std::make_unique<HandleListing>(
        facts, types, value_layout(types, facts),
        [size = facts.value_size](const std::byte* from, std::byte* to) {
            std::memcpy(to, from, size);
        });
}

// Arrays and hashes of maps: the entries of all maps within, each under the key it is found by.

namespace {

Fd open_inner(const MapFacts& outer, std::uint32_t id) {
    Fd inner = try_open_map(id);
    if (!inner && errno == EPERM)
        throw Error(ErrorKind::failed,
                    "open map id " + std::to_string(id) + " within map '" + outer.name + "'", EPERM)
            .hint("maps within maps are opened by id: " + rights_hint({Right::sys_admin}));
    return inner;
}

// Keys {outer, map_id, key}: the kernel takes only maps into an outer one that agree in type, sizes
// and flags, so that one layout holds for all. What has no key (queues) adds none.
class InnerListing : public Listing {
public:
    InnerListing(const MapFacts& facts, Layout outer_key, std::unique_ptr<Listing> entries)
        : facts_(facts), entries_(std::move(entries)) {
        SyntheticStruct composite;
        outer_size_ = outer_key.size;
        composite.member("outer", std::move(outer_key));
        composite.number("map_id", id_size);
        if (entries_->key)
            composite.member("key", *entries_->key);
        key = std::move(composite).layout();
        value = entries_->value;
        cpus = entries_->cpus;
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take, unsigned) const override {
        return std::make_unique<InnerWalk>(*this, map);
    }

private:
    class InnerWalk : public MapReader::Walk {
    public:
        InnerWalk(const InnerListing& listing, const Fd& map)
            : listing_(listing), outer_(walk_by_key(map, listing.facts_, Take::look)),
              prefix_(listing.outer_size_ + id_size) {}

        bool next(Batch& batch) override {
            while (!entries_ || !entries_->next(batch))
                if (!enter_next_map())
                    return false;
            compose(batch);
            return true;
        }

        bool approximate() const override { return true; }

    private:
        bool enter_next_map() {
            Batch slot;
            entries_.reset();
            while (outer_->next(slot)) {
                const std::uint32_t id = load<std::uint32_t>(slot.values);
                inner_ = open_inner(listing_.facts_, id);
                if (!inner_)
                    continue; // taken out in the meantime
                std::memcpy(prefix_.data(), slot.keys, listing_.outer_size_);
                store(prefix_.data() + listing_.outer_size_, id);
                entries_ = make_walk();
                return true;
            }
            return false;
        }

        // max_entries may differ from map to map, so each is walked by its own facts.
        std::unique_ptr<MapReader::Walk> make_walk() {
            const MapFacts facts = map_facts(inner_);
            current_ = make_listing(inner_, facts, MapTypes{.name = facts.name});
            return current_->walk(inner_, Take::look, 1);
        }

        void compose(Batch& batch) {
            const std::size_t stride = listing_.key->size;
            keys_.resize(batch.count * stride);
            for (std::size_t i = 0; i < batch.count; ++i) {
                std::byte* at = keys_.data() + i * stride;
                std::memcpy(at, prefix_.data(), prefix_.size());
                if (stride > prefix_.size())
                    std::memcpy(at + prefix_.size(), batch.keys + i * batch.key_stride,
                                stride - prefix_.size());
            }
            batch.keys = keys_.data();
            batch.key_stride = stride;
        }

        const InnerListing& listing_;
        std::unique_ptr<MapReader::Walk> outer_;
        std::vector<std::byte> prefix_; // outer key and map id
        Fd inner_;
        std::unique_ptr<Listing> current_;
        std::unique_ptr<MapReader::Walk> entries_;
        std::vector<std::byte> keys_;
    };

    MapFacts facts_;
    std::uint32_t outer_size_ = 0;
    std::unique_ptr<Listing> entries_; // only for its layouts
};

// The maps themselves: of kinds that have no entries to list, and of an outer map that is empty.
class MapIdListing : public Listing {
public:
    MapIdListing(const MapFacts& facts, Layout outer_key) : facts_(facts) {
        key = std::move(outer_key);
        SyntheticStruct row;
        row.number("map_id", id_size);
        value = std::move(row).layout();
    }
    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take take, unsigned) const override {
        return walk_by_key(map, facts_, take);
    }

private:
    MapFacts facts_;
};

// The first map within, in whatever slot.
Fd first_inner(const Fd& map, const MapFacts& facts) {
    const auto walk = walk_by_key(map, facts, Take::look);
    Batch slot;
    while (walk->next(slot))
        if (Fd inner = open_inner(facts, load<std::uint32_t>(slot.values)))
            return inner;
    return Fd();
}

} // namespace

std::unique_ptr<Listing> list_inner_maps(const Fd& map, const MapFacts& facts,
                                         const MapTypes& types) {
    Layout outer_key = key_layout(types, facts);
    const Fd inner = first_inner(map, facts);
    if (!inner)
        return std::make_unique<MapIdListing>(facts, std::move(outer_key));
    const MapFacts inner_facts = map_facts(inner);
    const MapKind kind = map_kind(inner_facts.type);
    if (kind == MapKind::events || kind == MapKind::closed) {
        log::info("the maps within are of type " + map_type_name(inner_facts.type) +
                  ", which has no entries to list: only their ids are shown");
        return std::make_unique<MapIdListing>(facts, std::move(outer_key));
    }
    return std::make_unique<InnerListing>(
        facts, std::move(outer_key),
        make_listing(inner, inner_facts, types_of_inner_maps(types, inner_facts)));
}

// Local storage of tasks, cgroups and sockets. The kernel has no list of its entries: every owner
// there is gets asked for. (A BPF iterator would be a tracing program, which needs more rights and
// leaves the system changed while it runs.)

namespace {

constexpr std::uint32_t comm_size = 16;
constexpr std::uint32_t long_id_size = 8;
constexpr std::uint32_t path_size = 4096;

// Owners are collected first: their number is that of processes, not of packets.
class StorageListing : public Listing {
public:
    struct Row {
        std::vector<std::byte> key;
        std::vector<std::byte> value;
    };
    using Collect = std::function<std::vector<Row>(const Fd& map, const StorageListing& listing)>;

    StorageListing(const MapFacts& facts, const MapTypes& types, Layout owner, Collect collect)
        : collect_(std::move(collect)) {
        key = std::move(owner);
        value = value_layout(types, facts);
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take, unsigned) const override {
        auto rows = std::make_shared<std::vector<Row>>(collect_(map, *this));
        return std::make_unique<RowWalk>(
            key->size, value.size,
            [rows, at = std::size_t{0}](std::byte* to_key, std::byte* to_value) mutable {
                if (at == rows->size())
                    return false;
                const Row& row = (*rows)[at++];
                std::memcpy(to_key, row.key.data(), row.key.size());
                std::memcpy(to_value, row.value.data(), row.value.size());
                return true;
            });
    }

    // Adds a row when the owner has an entry.
    template <typename FillKey>
    void add(std::vector<Row>& rows, const Fd& map, const Fd& owner, FillKey&& fill) const {
        Row row{std::vector<std::byte>(key->size), std::vector<std::byte>(value.size)};
        const int number = owner.get();
        if (!lookup_element(map, &number, row.value.data()))
            return;
        fill(row.key.data());
        rows.push_back(std::move(row));
    }

private:
    Collect collect_;
};

using Rows = std::vector<StorageListing::Row>;

void store_task(std::byte* at, const Task& task, bool with_thread) {
    store(at, task.pid);
    at += id_size;
    if (with_thread) {
        store(at, task.tid);
        at += id_size;
    }
    store_text(at, comm_size, task.comm);
}

} // namespace

std::unique_ptr<Listing> list_tasks(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct owner;
    owner.number("pid", id_size);
    owner.number("tid", id_size);
    owner.text("comm", comm_size);
    return std::make_unique<StorageListing>(
        facts, types, std::move(owner).layout(), [](const Fd& map, const StorageListing& listing) {
            Rows rows;
            for_each_task([&](const Fd& pidfd, const Task& task) {
                listing.add(rows, map, pidfd, [&](std::byte* at) { store_task(at, task, true); });
                return true;
            });
            return rows;
        });
}

std::unique_ptr<Listing> list_cgroups(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct owner;
    owner.number("id", long_id_size);
    owner.text("path", path_size);
    return std::make_unique<StorageListing>(
        facts, types, std::move(owner).layout(), [](const Fd& map, const StorageListing& listing) {
            Rows rows;
            for_each_cgroup([&](const Fd& directory, const Cgroup& cgroup) {
                listing.add(rows, map, directory, [&](std::byte* at) {
                    store(at, cgroup.id);
                    store_text(at + long_id_size, path_size, cgroup.path);
                });
                return true;
            });
            return rows;
        });
}

std::unique_ptr<Listing> list_owned_sockets(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct owner;
    owner.number("cookie", long_id_size);
    owner.number("pid", id_size);
    owner.text("comm", comm_size);
    return std::make_unique<StorageListing>(
        facts, types, std::move(owner).layout(), [](const Fd& map, const StorageListing& listing) {
            Rows rows;
            for_each_socket([&](const Fd& socket, const OwnedSocket& found) {
                listing.add(rows, map, socket, [&](std::byte* at) {
                    store(at, found.cookie);
                    store_task(at + long_id_size, found.owner, false);
                });
                return true;
            });
            return rows;
        });
}

// Maps of a type that is newer than dynmon: whatever has keys and values of a fixed size is read
// key by key, as a hash is.

namespace {

// It is not known whether the kernel gives one value or one for each CPU, nor how many bytes it
// writes. So there is room for the larger of the two, and more behind it, and what stands there
// afterwards tells.
constexpr std::size_t beyond = 4096;
constexpr int enotsupp = 524; // leaks from inside the kernel

std::size_t value_stride(const MapFacts& facts) {
    return (std::size_t{facts.value_size} + 7) / 8 * 8;
}

std::size_t room_for_value(const MapFacts& facts) {
    return value_stride(facts) * possible_cpus() + beyond;
}

bool is_refusal(const Error& error) {
    const int fault = error.error_number();
    return fault == enotsupp || fault == EOPNOTSUPP || fault == EINVAL;
}

// How many bytes a look-up writes. Nothing: there is no such key any more.
std::optional<std::size_t> written_by_lookup(const Fd& map, const MapFacts& facts,
                                             const std::byte* key) {
    std::size_t most = 0;
    for (const std::byte filling : {std::byte{0xa5}, std::byte{0x5a}}) {
        std::vector<std::byte> value(room_for_value(facts), filling);
        if (!lookup_element(map, key, value.data()))
            return std::nullopt;
        const auto last = std::find_if(value.rbegin(), value.rend(),
                                       [&](std::byte byte) { return byte != filling; });
        most = std::max(most, static_cast<std::size_t>(value.rend() - last));
    }
    return most;
}

// Copies of a value for each key; 0: one value. An empty map has none to look at.
std::size_t copies_of_value(const Fd& map, const MapFacts& facts) {
    std::vector<std::byte> key(facts.key_size);
    std::vector<std::byte> following(facts.key_size);
    bool more = next_key(map, nullptr, key.data());
    for (std::uint32_t tries = 0; more && tries < 64; ++tries) {
        const auto written = written_by_lookup(map, facts, key.data());
        if (written && *written > value_stride(facts) * possible_cpus())
            refuse_listing(facts);
        if (written)
            return *written > value_stride(facts) ? possible_cpus() : 0;
        more = next_key(map, key.data(), following.data());
        key.swap(following);
    }
    return 0;
}

class UnknownListing : public Listing {
public:
    UnknownListing(const Fd& map, const MapFacts& facts, const MapTypes& types) : facts_(facts) {
        if (facts.key_size == 0 || facts.value_size == 0)
            refuse_listing(facts);
        key = key_layout(types, facts);
        value = value_layout(types, facts);
        try {
            cpus = copies_of_value(map, facts);
        } catch (const Error& error) {
            if (is_refusal(error))
                refuse_listing(facts);
            throw;
        }
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take take, unsigned) const override {
        return walk_by_key(map, facts_, take, room_for_value(facts_));
    }

private:
    MapFacts facts_;
};

} // namespace

std::unique_ptr<Listing> list_unknown(const Fd& map, const MapFacts& facts, const MapTypes& types) {
    return std::make_unique<UnknownListing>(map, facts, types);
}

} // namespace dynmon
