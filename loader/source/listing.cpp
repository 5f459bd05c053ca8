// SPDX-License-Identifier: BSD-2-Clause
#include "source/listing.hpp"

#include "kernel/map_flags.hpp"
#include "object/object.hpp"
#include "source/map_kind.hpp"

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

} // namespace dynmon
