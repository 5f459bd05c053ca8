// SPDX-License-Identifier: BSD-2-Clause
// Any map on the system, decoded by its BTF: what `dynmon-load dump` prints.
//
//     const dynmon::Map map = dynmon::Map::pinned("/sys/fs/bpf/my_map");
//     map.for_each([](std::string_view key, std::string_view value) {
//         std::cout << key << " " << value << "\n"; // JSON
//     });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace dynmon {

class TypedMap; // inside the library

// Owns a descriptor of the map. Not thread-safe: one thread at a time uses an object; each of two
// threads may have its own of the same map. All functions throw Error.
class Map {
public:
    // A pinned map, of dynmon or of any other program. Types come from the file `object` if one is
    // named (Error{usage} unless it says what the map is), else from the record beside the pin
    // (maps of dynmon), else from the BTF that the kernel keeps for the map, else from that of a
    // program that uses it (these two need CAP_SYS_ADMIN); else keys and values are shown as
    // numbers and bytes. Interfaces have the names of the caller's network namespace. Throws
    // Error{usage} if the path is no map, Error{unsupported} for a map that has no entries to list.
    static Map pinned(const std::string& path, const std::string& object = "");
    static Map by_id(std::uint32_t id, const std::string& object = ""); // CAP_SYS_ADMIN
    // Error{usage} unless exactly one map has the name. CAP_SYS_ADMIN.
    static Map by_name(const std::string& name, const std::string& object = "");
    Map(Map&&) noexcept;
    Map& operator=(Map&&) noexcept;
    ~Map();

    std::string name() const; // at most 15 characters, as the kernel has it
    std::uint32_t id() const;
    std::uint32_t max_entries() const;
    // Why keys and values are shown as numbers and bytes; "": they have types.
    std::string untyped() const;

    // Calls `visit` with each key and value as JSON, valid during the call. The key of a queue is
    // "", of an array the index. Per-CPU values are merged as the probe says; the map of another
    // program lists them. What `visit` throws ends the walk.
    void for_each(const std::function<void(std::string_view, std::string_view)>& visit) const;

    // Writes all entries to the descriptor, which stays open and the caller's. `format`: as
    // `dump --format` has it. `where`: a condition as of `dump --where`; "": all entries.
    // Throws Error{usage} for a format or condition that is none, Error{failed} if it cannot write.
    void write(int descriptor, std::string_view format = "json",
               const std::string& where = "") const;

private:
    explicit Map(TypedMap map);
    std::unique_ptr<TypedMap> map_;
};

} // namespace dynmon
