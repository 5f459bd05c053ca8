// SPDX-License-Identifier: BSD-2-Clause
// Any map, decoded: what `dynmon-load dump` prints and what a program that links libdynmon reads.
//
//     dynmon::TypedMap map = dynmon::TypedMap::pinned("/sys/fs/bpf/…/FLOWS_INGRESS-a");
//     map.for_each([](std::string_view key, std::string_view value) {
//         std::cout << key << " " << value << "\n"; // JSON
//     });
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "btf/layout.hpp"
#include "format/exporter.hpp"
#include "source/find_map.hpp"
#include "source/map_reader.hpp"

namespace dynmon {

// Layouts of structs that no compiler has seen: what a reader makes of ids and handles.

// Members one after the other, without padding.
class SyntheticStruct {
public:
    // Each returns where the member stands, in bytes.
    std::uint32_t number(std::string name, std::uint32_t size, Semantic semantic = Semantic::none);
    std::uint32_t text(std::string name, std::uint32_t size); // up to the NUL
    std::uint32_t bytes(std::string name, std::uint32_t size);
    std::uint32_t member(std::string name, Layout layout); // as it is, moved to its place

    Layout layout() && { return std::move(layout_); }

private:
    Layout layout_{.kind = Layout::Kind::structure};
};

template <typename Number>
void store(std::byte* at, Number number) {
    std::memcpy(at, &number, sizeof number);
}

// Cut to `room` - 1 bytes, and filled up with zeroes.
void store_text(std::byte* at, std::uint32_t room, std::string_view text);

class Listing;

class TypedMap {
public:
    // A pinned map, of dynmon or of another owner. Types come from `object` when one is named
    // (Error{usage} when it does not say what the map is), else from the record beside the pin
    // (maps of dynmon; formats and merge rules of their metric too), else from the BTF that the
    // kernel keeps for the map, else from that of a program that uses it (both need CAP_SYS_ADMIN);
    // else keys and values are shown as numbers and bytes. Interfaces get the names that they have
    // in the caller's network namespace. Throws Error{usage} when the path is no map, and
    // Error{unsupported} with a sentence for a map that has no listing.
    static TypedMap pinned(const std::string& path, const std::string& object = "");
    static TypedMap by_id(std::uint32_t id, const std::string& object = ""); // CAP_SYS_ADMIN
    // Likewise; Error{usage} unless one fits.
    static TypedMap by_name(const std::string& name, const std::string& object = "");
    TypedMap(FoundMap map, const std::string& object);
    TypedMap(TypedMap&&) noexcept;
    TypedMap& operator=(TypedMap&&) noexcept;
    ~TypedMap();

    const MapFacts& facts() const { return facts_; }
    const MetricView& view() const { return view_; } // layouts of key and value

    // Why keys and values are shown as numbers and bytes, not by types; "": they have types.
    const std::string& untyped() const { return untyped_; }

    // Calls `visit` with the JSON of each key and value; a queue or an array has "" or the index
    // as key. Per-CPU values are merged as the probe says; those of a map that is no monitor's
    // are kept apart, in a list, unless set_merge() says otherwise.
    void for_each(const std::function<void(std::string_view, std::string_view)>& visit) const;

    // The entries as the kernel returns them, each batch valid during the call only.
    void for_each_batch(Take take, const std::function<void(const Batch&)>& visit) const;

    // Writes the entries to `sink` in `options.format` and the shape that
    // `options` ask for. `take` also removes them, those too that a condition leaves out.
    void print(const ExportOptions& options, Take take, Sink& sink) const;

    // Instead of what the manifest says, for every field; throws Error{usage} if it does not fit.
    void set_merge(Merge merge);
    void set_jobs(unsigned jobs) { jobs_ = jobs; } // as MapReader takes it; default 1

private:
    Fd map_;
    MapFacts facts_;
    std::unique_ptr<Listing> listing_; // how its entries become rows
    MetricView view_;
    std::string untyped_;
    unsigned jobs_ = 1;
};

} // namespace dynmon
