// SPDX-License-Identifier: BSD-2-Clause
// Arrays and hashes of maps: the entries of all maps within, each under the key it is found by.
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "decode/scalar.hpp"
#include "kernel/rights.hpp"
#include "source/listing.hpp"
#include "source/map_kind.hpp"
#include "source/synthetic.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t id_size = 4;

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

} // namespace dynmon
