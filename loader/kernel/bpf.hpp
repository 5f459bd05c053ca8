// SPDX-License-Identifier: BSD-2-Clause
// The bpf(2) calls dynmon makes, each as a function that owns what it opens and throws with the
// name of the call. Nothing outside this folder makes a system call on BPF objects.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <linux/bpf.h>

#include "base/file.hpp"
#include "base/map_type.hpp"

namespace dynmon {

// Attach types of TCX (Linux 6.6), which the headers of older systems do not name.
inline constexpr auto tcx_ingress = static_cast<bpf_attach_type>(46);
inline constexpr auto tcx_egress = static_cast<bpf_attach_type>(47);
// Where among the programs of TCX, likewise: without another program named, at the head or tail.
inline constexpr std::uint32_t tcx_before = 1u << 3;   // BPF_F_BEFORE
inline constexpr std::uint32_t tcx_after = 1u << 4;    // BPF_F_AFTER
inline constexpr std::uint32_t most_tcx_programs = 63; // BPF_MPROG_MAX, less the terminating one

struct MapFacts {
    std::uint32_t id = 0;
    MapType type = BPF_MAP_TYPE_UNSPEC;
    std::string name;
    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;
    std::uint32_t max_entries = 0;
    std::uint32_t flags = 0;
    std::uint32_t btf_id = 0;
    std::uint32_t key_type_id = 0;
    std::uint32_t value_type_id = 0;
    std::uint32_t vmlinux_value_type_id = 0;
};

struct ProgramFacts {
    std::uint32_t id = 0;
    bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
    std::string name;
    std::uint64_t run_time_ns = 0;
    std::uint64_t run_count = 0;
    std::uint32_t verified_insns = 0; // that the verifier walked through (Linux 5.16); 0: not known
    std::vector<std::uint32_t> map_ids;
    std::uint32_t btf_id = 0;          // 0: none
    std::array<std::byte, 8> tag = {}; // of its instructions
};

struct LinkFacts {
    std::uint32_t id = 0;
    std::uint32_t program_id = 0;
    std::uint32_t ifindex = 0; // XDP and TCX links; 0: the device is gone, the link is defunct
};

// "key_size, value_size, …" of a map to create; btf_fd < 0: no types.
struct MapSpec {
    MapType type = BPF_MAP_TYPE_UNSPEC;
    std::string name;
    std::uint32_t key_size = 4;
    std::uint32_t value_size = 4;
    std::uint32_t max_entries = 1;
    std::uint32_t flags = 0;
    int inner_map_fd = -1;
};

Fd create_map(const MapSpec& spec);
void freeze_map(const Fd& map);
void update_element(const Fd& map, const void* key, const void* value,
                    std::uint64_t flags = BPF_ANY);
// Throws Error{unsupported} unless a value of the map `name` has so many bytes: the kernel copies
// whole values, however large an object makes them.
void require_value_size(const MapFacts& map, std::string_view name, std::size_t size);
// False when the key is not there.
bool lookup_element(const Fd& map, const void* key, void* value);
bool delete_element(const Fd& map, const void* key);
// False at the end; `key` null: the first key.
bool next_key(const Fd& map, const void* key, void* next);

Fd open_pin(const std::string& path);          // throws Error; errno ENOENT when it is absent
Fd open_readable_pin(const std::string& path); // only to read where the pin allows no more
Fd try_open_pin(const std::string& path);      // empty when there is no such pin
void pin(const Fd& object, const std::string& path);

// "bpf-map", "bpf-prog" or "bpf_link": what a descriptor of a pin stands for.
std::string object_kind(const Fd& object);

MapFacts map_facts(const Fd& map);
ProgramFacts program_facts(const Fd& program);
LinkFacts link_facts(const Fd& link);

// By id: needs CAP_SYS_ADMIN. Empty when the object is gone or the caller may not.
Fd try_open_program(std::uint32_t id);
Fd try_open_map(std::uint32_t id);
std::optional<std::uint32_t> next_map_id(std::uint32_t id);
// Nothing at the end, and for a caller that may not look.
std::optional<std::uint32_t> next_program_id(std::uint32_t id);
Fd try_open_btf(std::uint32_t id);
std::vector<std::byte> btf_bytes(const Fd& types);
// "name (id 12)" or, without the right to look, "id 12".
std::string describe_program(std::uint32_t id);
std::uint64_t map_memory_bytes(const Fd& map); // as the kernel accounts it; 0: it does not say
// "xdp", "sched_cls", …; "number 99" for what is newer than libbpf.
std::string program_type_name(bpf_prog_type type);

// Statistics of run time for as long as the descriptor is open (CAP_SYS_ADMIN).
Fd enable_run_stats();

// Attaches `program` to `ifindex` in the calling thread's network namespace.
Fd create_link(const Fd& program, int ifindex, bpf_attach_type type, std::uint32_t flags);
void detach_link(const Fd& link); // a link whose device is gone is detached already: no error
// Ids of the programs at a TCX hook, as they run; nullopt when the kernel has no TCX.
std::optional<std::vector<std::uint32_t>> query_tcx(int ifindex, bpf_attach_type type);

// Possible (not online) CPUs: what the kernel copies per key of a per-CPU map.
std::size_t possible_cpus();

} // namespace dynmon
