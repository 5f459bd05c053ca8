// SPDX-License-Identifier: BSD-2-Clause
// A compiled probe, opened and described without the kernel: programs, maps, globals, BTF, hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <bpf/btf.h>
#include <linux/bpf.h>

#include "base/map_type.hpp"
#include "object/atomics.hpp"
#include "object/btf_ptr.hpp"

struct stat;

namespace dynmon {

struct ProgramInfo {
    std::string name;
    std::string section;                       // "tc", "tcx/ingress", "xdp", "classifier", …
    bpf_prog_type type = BPF_PROG_TYPE_UNSPEC; // XDP or SCHED_CLS; UNSPEC for any other section
    bool hand_over = false; // refers to the chain map, so other probes may follow it
    bool limited = false;   // measures itself, so that --limit can take it out
    // XDP that can read packets in several buffers: its section says so, or dynmon.h sees to it.
    bool declares_frags = false;
    bool reads_frags = false;
    std::vector<AtomicAccess> atomics; // what it changes atomically
};

struct MapInfo {
    std::string name; // as in C; ".rodata", ".data.x", ".bss" for global data
    MapType type = BPF_MAP_TYPE_UNSPEC;
    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;
    std::uint32_t max_entries = 0;
    std::uint32_t flags = 0;
    std::uint32_t key_type_id = 0;   // in the object's BTF; 0: none
    std::uint32_t value_type_id = 0; // in the object's BTF; 0: none
    bool global_data = false;        // .rodata/.data/.bss
    bool used = false;               // a program refers to it
    bool pinned_by_name = false;     // it asks for LIBBPF_PIN_BY_NAME
};

// Maps whose entries can be read, swapped and emptied.
inline bool is_readable(MapType type) {
    switch (type) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_QUEUE:
    case BPF_MAP_TYPE_STACK:
    case BPF_MAP_TYPE_LPM_TRIE:
        return true;
    default:
        return false;
    }
}

// One value for each possible CPU.
inline bool is_per_cpu(MapType type) {
    return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
           type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

// A `const volatile` global in .rodata: what `--set` can change.
struct GlobalInfo {
    std::string name;
    std::uint32_t type_id = 0;
    std::uint32_t offset = 0; // in .rodata
    std::uint32_t size = 0;
};

// The name of a map as bpffs takes it: no dots, so that ".bss" is "_bss".
std::string pin_name(std::string map);

// The place of the global `name` in .rodata; nullptr: there is none. `types` keeps it.
const btf_var_secinfo* find_constant(const btf* types, std::string_view name);

// Names that bpf/dynmon.h reserves.
inline constexpr std::string_view chain_map_name = "dynmon_chain";
inline constexpr std::string_view clock_map_name = ".data.dynmon";
inline constexpr std::string_view meter_switch_name = ".data.dynmon_meter";
inline constexpr std::string_view meter_map_name = "dynmon_meter";
inline constexpr std::string_view limit_map_name = ".data.dynmon_limit";
inline constexpr std::string_view over_name = "dynmon_over"; // in it
inline constexpr std::string_view frags_global_name = "dynmon_frags";

class ElfFile;

// Owns the bytes of the ELF and everything read from them. Immutable, movable.
class Object {
public:
    // Takes over `bytes`; `path` is for messages only. Throws Error{usage} when the ELF is
    // truncated or damaged, has no BTF, no programs, a name that is none in C or stands twice, or
    // breaks a bound of base/limits.hpp; Error{rejected} when libbpf crashes on it or hangs.
    // Nothing reaches libbpf that was not checked before, and nothing that it did not survive in a
    // sandbox.
    static Object parse(std::vector<std::byte> bytes, std::string path);

    const std::string& path() const { return path_; }
    const std::vector<std::byte>& bytes() const { return bytes_; }
    const std::string& sha256() const { return sha256_; } // 64 hex digits of bytes()
    const std::string& license() const { return license_; }
    const std::vector<ProgramInfo>& programs() const { return programs_; }
    const std::vector<MapInfo>& maps() const { return maps_; }
    // What maps of maps say that a map in them is like. libbpf makes one for as long as it loads.
    const std::vector<MapInfo>& templates() const { return templates_; }
    const std::vector<GlobalInfo>& globals() const { return globals_; } // without dynmon_*
    const btf* types() const { return btf_.get(); }
    std::vector<std::byte> btf_bytes() const; // the raw .BTF

    const ProgramInfo* program(std::string_view name) const;
    const MapInfo* map(std::string_view name) const;
    const GlobalInfo* global(std::string_view name) const;

private:
    Object() = default;
    void describe(const ElfFile& elf); // programs, maps, globals and BTF, by libbpf

    std::string path_;
    std::vector<std::byte> bytes_;
    std::string sha256_;
    std::string license_;
    std::vector<ProgramInfo> programs_;
    std::vector<MapInfo> maps_;
    std::vector<MapInfo> templates_;
    std::unordered_map<std::string_view, std::size_t> map_numbers_; // by their names in maps_
    std::vector<GlobalInfo> globals_;
    BtfPtr btf_;
};

// Reads a regular file once, without following a symlink in the last component, up to `limit`
// bytes. Throws Error{usage} (missing, directory, FIFO, too large) or Error{failed}.
// For what decides what is loaded there is read_trusted().
std::vector<std::byte> read_file(const std::string& path, std::size_t limit);

// The same of `name` in an open folder; errors say `path`. `inspect` looks at the open file before
// it is read, and may throw.
std::vector<std::byte> read_file_at(int folder, const std::string& name, const std::string& path,
                                    std::size_t limit,
                                    const std::function<void(const struct stat&)>& inspect);

} // namespace dynmon
