// SPDX-License-Identifier: BSD-2-Clause
// Any map as rows of key and value: what the kernel gives, or what its ids and handles stand for.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "source/map_reader.hpp"
#include "source/map_types.hpp"
#include "source/walk.hpp"

namespace dynmon {

class Listing {
public:
    virtual ~Listing() = default;

    std::optional<Layout> key; // none for queue and stack
    Layout value;
    std::size_t cpus = 0; // copies of each value, of a per-CPU map

    // The rows from the first one on; `map` must outlive the walk. `jobs` as MapReader takes it.
    virtual std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take take,
                                                  unsigned jobs) const = 0;
};

// Throws Error{unsupported} with one sentence for what cannot be listed.
std::unique_ptr<Listing> make_listing(const Fd& map, const MapFacts& facts, const MapTypes& types);

// One kind each; make_listing() chooses.
std::unique_ptr<Listing> list_plain(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_unknown(const Fd& map, const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_programs(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_devices(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_cpus(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_sockets(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_stacks(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_struct_ops(const MapFacts& facts);
std::unique_ptr<Listing> list_inner_maps(const Fd& map, const MapFacts& facts,
                                         const MapTypes& types);
std::unique_ptr<Listing> list_tasks(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_cgroups(const MapFacts& facts, const MapTypes& types);
std::unique_ptr<Listing> list_owned_sockets(const MapFacts& facts, const MapTypes& types);

// One row after the other, whose key and value `fill` writes; it returns false at the end.
class RowWalk : public MapReader::Walk {
public:
    using Fill = std::function<bool(std::byte* key, std::byte* value)>;
    RowWalk(std::size_t key_size, std::size_t value_size, Fill fill)
        : key_(key_size), value_(value_size), fill_(std::move(fill)) {}
    bool next(Batch& batch) override {
        if (!fill_(key_.data(), value_.data()))
            return false;
        batch = Batch{1, key_.data(), value_.data(), key_.size(), value_.size()};
        return true;
    }

private:
    std::vector<std::byte> key_;
    std::vector<std::byte> value_;
    Fill fill_;
};

} // namespace dynmon
