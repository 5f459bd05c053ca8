// SPDX-License-Identifier: BSD-2-Clause
// What the kernel does with a map as a whole: its flags by name, batches of entries, its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/file.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

// The newest header has names for them; dynmon is built with old ones too.
inline constexpr std::uint32_t stack_build_id = 1u << 5;   // values are build ids, not addresses
inline constexpr std::uint32_t ring_overwrites = 1u << 19; // BPF_F_RB_OVERWRITE

// Flags of the map that dynmon does not know to leave the memory of such a map as it is used to
// it: of a ring buffer or perf event array its records, of any other map its values. 0: none.
//
// What is read by look-ups does not depend on them, as the kernel does the reading.
std::uint32_t strange_flags(const MapFacts& facts);

// Flags that the kernel gives to a map of this type by itself.
std::uint32_t flags_of_kernel(MapType type);

// How many entries libbpf and the kernel make of those that such a map asks for.
std::uint32_t entries_of_kernel(MapType type, std::uint32_t flags, std::uint32_t entries);

// "BPF_F_MMAPABLE, flag 0x100000"
std::string flag_names(std::uint32_t flags);

// The batch calls on maps, as thin as they are: they return what the kernel returns.

// 0, or a negative errno. `count` is in/out and only to be trusted on 0 and -ENOENT (the end):
// on every other error the kernel may leave the input value in it.
// `in` null: from the start. `in` and `out` have max(key_size, 4) bytes.
int lookup_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                 std::uint32_t& count);
int lookup_and_delete_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                            std::uint32_t& count);
int update_batch(const Fd& map, const void* keys, const void* values, std::uint32_t& count);

// One element, looked up and deleted in one call (queue and stack: drained, `key` null).
int lookup_and_delete_element(const Fd& map, const void* key, void* value);

// The kernel has no such batch for this map type: EINVAL, or 524, which leaks from inside it.
bool means_no_batch(int result);

// The values of an array made with BPF_F_MMAPABLE, as the programs see them: no copy, no call.

// A read-only mapping, also of a frozen map. Programs go on writing what it shows.
class MapMemory {
public:
    // Nothing when the map has no such memory, when it was made with a flag that dynmon does not
    // know, or when the kernel refuses (a map that is write-only).
    static std::optional<MapMemory> map(const Fd& map, const MapFacts& facts);
    MapMemory(MapMemory&& other) noexcept;
    MapMemory& operator=(MapMemory&&) = delete;
    ~MapMemory();

    const std::byte* data() const { return data_; }
    std::size_t stride() const { return stride_; } // bytes from one value to the next

private:
    MapMemory(const std::byte* data, std::size_t size, std::size_t stride)
        : data_(data), size_(size), stride_(stride) {}
    const std::byte* data_;
    std::size_t size_;
    std::size_t stride_;
};

} // namespace dynmon
