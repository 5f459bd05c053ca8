// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/bpf.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/syscall.h>

#include "base/error.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

[[noreturn]] void fail(const std::string& call, int error_number, const Rights& needed) {
    Error error(ErrorKind::failed, call, error_number);
    error.hint(refusal_hint(error_number, needed));
    if (error_number == EACCES)
        error.hint("it belongs to another user: run as its owner or as root (CAP_DAC_OVERRIDE)");
    throw error;
}

// `needed`: what the call needs whatever it is about. Before Linux 5.19 every call needs CAP_BPF.
void require(int result, const std::string& call, const Rights& needed = {Right::bpf}) {
    if (result < 0)
        fail(call, -result, needed);
}

template <typename Info>
Info object_info(const Fd& object, const char* what) {
    Info info{};
    std::uint32_t size = sizeof info;
    require(bpf_obj_get_info_by_fd(object.get(), &info, &size), std::string("facts of ") + what);
    return info;
}

} // namespace

namespace {

// Without libbpf, whose first map costs two test programs: it asks whether the kernel counts maps
// against the limit on locked memory (before 5.11), and raises that.
Fd try_create_map(const MapSpec& spec) {
    bpf_attr attr{};
    attr.map_type = spec.type;
    attr.key_size = spec.key_size;
    attr.value_size = spec.value_size;
    attr.max_entries = spec.max_entries;
    attr.map_flags = spec.flags;
    if (spec.inner_map_fd >= 0)
        attr.inner_map_fd = static_cast<__u32>(spec.inner_map_fd);
    spec.name.copy(attr.map_name, sizeof attr.map_name - 1);
    Fd map(static_cast<int>(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr)));
    // In place of a standard stream that is closed it would be written to as that.
    return map && map.get() <= STDERR_FILENO ? duplicate(map.get()) : std::move(map);
}

} // namespace

Fd create_map(const MapSpec& spec) {
    if (Fd map = try_create_map(spec))
        return map;
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = spec.flags);
    if (spec.inner_map_fd >= 0)
        options.inner_map_fd = static_cast<__u32>(spec.inner_map_fd);
    const int fd = bpf_map_create(static_cast<bpf_map_type>(spec.type), spec.name.c_str(),
                                  spec.key_size, spec.value_size, spec.max_entries, &options);
    require(fd, "create map '" + spec.name + "'");
    return Fd(fd);
}

void freeze_map(const Fd& map) {
    require(bpf_map_freeze(map.get()), "freeze map");
}

void update_element(const Fd& map, const void* key, const void* value, std::uint64_t flags) {
    const int result = bpf_map_update_elem(map.get(), key, value, flags);
    if (result == -EPERM && has_right(Right::bpf))
        throw Error(ErrorKind::failed, "update map element", EPERM)
            .hint("the map is frozen or closed to writers");
    require(result, "update map element");
}

void require_value_size(const MapFacts& map, std::string_view name, std::size_t size) {
    if (map.value_size != size)
        throw Error(ErrorKind::unsupported,
                    "map " + std::string(name) + " is of another dynmon.h: " +
                        std::to_string(map.value_size) + " bytes, not " + std::to_string(size))
            .hint("build the probe again with the dynmon.h of this dynmon");
}

bool lookup_element(const Fd& map, const void* key, void* value) {
    const int result = bpf_map_lookup_elem(map.get(), key, value);
    if (result == -ENOENT)
        return false;
    require(result, "look up map element");
    return true;
}

bool delete_element(const Fd& map, const void* key) {
    const int result = bpf_map_delete_elem(map.get(), key);
    if (result == -ENOENT)
        return false;
    require(result, "delete map element");
    return true;
}

bool next_key(const Fd& map, const void* key, void* next) {
    const int result = bpf_map_get_next_key(map.get(), key, next);
    if (result == -ENOENT)
        return false;
    require(result, "next key of map");
    return true;
}

Fd open_pin(const std::string& path) {
    const int fd = bpf_obj_get(path.c_str());
    require(fd, "open pin " + path);
    return Fd(fd);
}

Fd open_readable_pin(const std::string& path) {
    const int fd = bpf_obj_get(path.c_str());
    if (fd != -EACCES && fd != -EPERM) {
        require(fd, "open pin " + path);
        return Fd(fd);
    }
    LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = BPF_F_RDONLY);
    const int readable = bpf_obj_get_opts(path.c_str(), &options);
    require(readable, "open pin " + path);
    return Fd(readable);
}

Fd try_open_pin(const std::string& path) {
    const int fd = bpf_obj_get(path.c_str());
    if (fd == -ENOENT)
        return Fd();
    require(fd, "open pin " + path);
    return Fd(fd);
}

void pin(const Fd& object, const std::string& path) {
    require(bpf_obj_pin(object.get(), path.c_str()), "pin " + path);
}

// The kernel names its anonymous inodes: "anon_inode:bpf-map".
std::string object_kind(const Fd& object) {
    const std::string link = "/proc/self/fd/" + std::to_string(object.get());
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(link, error).string();
    if (error)
        throw Error(ErrorKind::failed, "read " + link, error.value());
    const std::size_t colon = target.find(':');
    return colon == std::string::npos ? target : target.substr(colon + 1);
}

MapFacts map_facts(const Fd& map) {
    const auto info = object_info<bpf_map_info>(map, "map");
    return MapFacts{.id = info.id,
                    .type = info.type,
                    .name = info.name,
                    .key_size = info.key_size,
                    .value_size = info.value_size,
                    .max_entries = info.max_entries,
                    .flags = info.map_flags,
                    .btf_id = info.btf_id,
                    .key_type_id = info.btf_key_type_id,
                    .value_type_id = info.btf_value_type_id,
                    .vmlinux_value_type_id = info.btf_vmlinux_value_type_id};
}

ProgramFacts program_facts(const Fd& program) {
    std::array<std::uint32_t, 64> maps{}; // as many as a program can use (MAX_USED_MAPS)
    bpf_prog_info info{};
    info.nr_map_ids = maps.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
    std::uint32_t size = sizeof info;
    require(bpf_obj_get_info_by_fd(program.get(), &info, &size), "facts of program");
    ProgramFacts facts{.id = info.id,
                       .type = static_cast<bpf_prog_type>(info.type),
                       .name = info.name,
                       .run_time_ns = info.run_time_ns,
                       .run_count = info.run_cnt,
                       .verified_insns = info.verified_insns,
                       .map_ids = {},
                       .btf_id = info.btf_id};
    std::memcpy(facts.tag.data(), info.tag, facts.tag.size());
    facts.map_ids.assign(maps.begin(),
                         maps.begin() + std::min<std::size_t>(info.nr_map_ids, maps.size()));
    return facts;
}

LinkFacts link_facts(const Fd& link) {
    const auto info = object_info<bpf_link_info>(link, "link");
    // bpf_link_info.tcx (6.6) starts with the ifindex, where .xdp has it.
    return LinkFacts{.id = info.id, .program_id = info.prog_id, .ifindex = info.xdp.ifindex};
}

Fd try_open_program(std::uint32_t id) {
    const int fd = bpf_prog_get_fd_by_id(id);
    return fd < 0 ? Fd() : Fd(fd);
}

Fd try_open_map(std::uint32_t id) {
    const int fd = bpf_map_get_fd_by_id(id);
    return fd < 0 ? Fd() : Fd(fd);
}

std::optional<std::uint32_t> next_map_id(std::uint32_t id) {
    std::uint32_t next = 0;
    const int result = bpf_map_get_next_id(id, &next);
    if (result == -ENOENT)
        return std::nullopt;
    if (result == -EPERM)
        throw Error(ErrorKind::failed, "list the maps of the system", EPERM)
            .hint(rights_hint({Right::sys_admin}))
            .or_hint("name the map by a pinned path, which needs no such right");
    require(result, "next map id");
    return next;
}

std::optional<std::uint32_t> next_program_id(std::uint32_t id) {
    std::uint32_t next = 0;
    return bpf_prog_get_next_id(id, &next) == 0 ? std::optional(next) : std::nullopt;
}

Fd try_open_btf(std::uint32_t id) {
    const int fd = id == 0 ? -1 : bpf_btf_get_fd_by_id(id);
    return fd < 0 ? Fd() : Fd(fd);
}

std::vector<std::byte> btf_bytes(const Fd& types) {
    std::vector<std::byte> bytes(object_info<bpf_btf_info>(types, "BTF").btf_size);
    bpf_btf_info info{};
    info.btf = reinterpret_cast<std::uintptr_t>(bytes.data());
    info.btf_size = static_cast<std::uint32_t>(bytes.size());
    std::uint32_t size = sizeof info;
    require(bpf_obj_get_info_by_fd(types.get(), &info, &size), "bytes of BTF");
    return bytes;
}

std::string describe_program(std::uint32_t id) {
    const std::string number = "id " + std::to_string(id);
    const Fd program = try_open_program(id);
    return program ? program_facts(program).name + " (" + number + ")" : number;
}

std::uint64_t map_memory_bytes(const Fd& map) {
    std::ifstream lines("/proc/self/fdinfo/" + std::to_string(map.get()));
    for (std::string line; std::getline(lines, line);)
        if (constexpr std::string_view name = "memlock:"; line.starts_with(name))
            return std::strtoull(line.c_str() + name.size(), nullptr, 10);
    return 0;
}

std::string program_type_name(bpf_prog_type type) {
    const char* name = libbpf_bpf_prog_type_str(type);
    return name != nullptr ? name : "number " + std::to_string(type);
}

Fd enable_run_stats() {
    const int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
    require(fd, "enable run-time statistics", {Right::sys_admin});
    return Fd(fd);
}

Fd create_link(const Fd& program, int ifindex, bpf_attach_type type, std::uint32_t flags) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
    const int fd = bpf_link_create(program.get(), ifindex, type, &options);
    require(fd, "create link", {Right::bpf, Right::net_admin});
    return Fd(fd);
}

void detach_link(const Fd& link) {
    const int result = bpf_link_detach(link.get());
    if (result != -ENOLINK)
        require(result, "detach link");
}

std::optional<std::vector<std::uint32_t>> query_tcx(int ifindex, bpf_attach_type type) {
    std::vector<std::uint32_t> ids(most_tcx_programs);
    std::uint32_t flags = 0;
    std::uint32_t count = most_tcx_programs;
    const int result = bpf_prog_query(ifindex, type, 0, &flags, ids.data(), &count);
    if (result == -EINVAL)
        return std::nullopt;
    require(result, "query TCX", {Right::net_admin});
    ids.resize(count);
    return ids;
}

std::size_t possible_cpus() {
    static const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0)
        throw Error(ErrorKind::failed, "count the possible CPUs", -cpus);
    return static_cast<std::size_t>(cpus);
}

} // namespace dynmon
