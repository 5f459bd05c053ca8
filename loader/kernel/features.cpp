// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/features.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/if_link.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kernel/bpf.hpp"
#include "kernel/fence.hpp"
#include "kernel/map_calls.hpp"
#include "kernel/pivot.hpp"

// The attempts behind the features, one each.
namespace dynmon::feature {

// What the negative errno of an attempt says: refused rights and scarcity say nothing.
Support judge(int result);

// Found by tiny programs and links.
Support global_data();
Support bounded_loops();
Support large_programs();
Support bpf_loop();
Support jmp32();
Support cpu_v4();
Support atomic_fetch();
Support atomic_xchg();
Support atomic_cmpxchg();
Support clock_boot();
Support clock_coarse();
Support clock_tai();
Support tcx();
Support xdp_link();
Support link_detach();
Support xdp_frags();

// Found by making maps.
Support memcg_accounting();
Support freeze();
Support ringbuf();
Support mmapable_array();
Support inner_map_size();
Support percpu_lookup_flags();
Support batch_array();
Support batch_percpu_array();
Support batch_hash();
Support batch_percpu_hash();
Support batch_lru_hash();
Support batch_lpm_trie();
Support batch_array_of_maps();
Support batch_hash_of_maps();
Support drain_hash();
Support drain_percpu_hash();
Support take_hash();
Support take_percpu_hash();
Support take_queue();

// BTF, fence, bpffs.
Support kernel_btf();
Support enum64();
Support membarrier_global();
Support rename_noreplace();
Support rename_exchange();
Support pin_below_directory();

} // namespace dynmon::feature

namespace dynmon {

// New ones are added where they belong; a name once printed stays.
const std::vector<Feature>& all_features() {
    using namespace feature;
    static const std::vector<Feature> features = {
        {"btf", "types of the kernel in /sys/kernel/btf; without: --btf FILE", kernel_btf},
        {"enum64", "BTF with 64-bit enums (6.0); without: libbpf rewrites them", enum64},
        {"memcg-accounting", "maps count against the cgroup (5.11); without: RLIMIT_MEMLOCK",
         memcg_accounting},
        {"global-data", "parameters in .rodata (5.2); needed", global_data},
        {"map-freeze", "records that no process can change (5.2); needed", freeze},
        {"bounded-loops", "loops in probes (5.3)", bounded_loops},
        {"large-programs", "more than 4096 instructions (5.2)", large_programs},
        {"bpf-loop", "helper bpf_loop (5.17)", bpf_loop},
        {"jmp32", "instructions of -mcpu=v3 (5.1); needed by our probes", jmp32},
        {"cpu-v4", "instructions of -mcpu=v4 (6.6)", cpu_v4},
        {"atomic-fetch", "atomics that return the old value (5.12)", atomic_fetch},
        {"atomic-xchg", "atomic exchange (5.12)", atomic_xchg},
        {"atomic-cmpxchg", "atomic compare and exchange (5.12)", atomic_cmpxchg},
        {"clock-boot", "clock that goes on in suspend (5.8)", clock_boot},
        {"clock-coarse", "clock of the last tick (5.11)", clock_coarse},
        {"clock-tai", "clock that follows NTP (6.1)", clock_tai},
        {"tcx", "TC programs as links (6.6); without: clsact filters", tcx},
        {"xdp-link", "XDP programs as links (5.9); needed for --hook xdp", xdp_link},
        {"link-detach", "links can be taken off at once (5.9)", link_detach},
        {"xdp-frags", "XDP on packets of several pages (5.18)", xdp_frags},
        {"ringbuf", "ring buffers for `stream` (5.8)", ringbuf},
        {"mmapable-array", "arrays read without a copy (5.5)", mmapable_array},
        {"inner-map-size", "inner maps of different sizes (5.10)", inner_map_size},
        {"percpu-lookup-flags", "one CPU's value by itself (7.0)", percpu_lookup_flags},
        {"batch-array", "batch look-up (5.6); without: element by element", batch_array},
        {"batch-percpu-array", "batch look-up (5.13); without: element by element",
         batch_percpu_array},
        {"batch-hash", "batch look-up (5.6); without: key by key, approximate", batch_hash},
        {"batch-percpu-hash", "batch look-up (5.6); without: key by key, approximate",
         batch_percpu_hash},
        {"batch-lru-hash", "batch look-up (5.6); without: key by key, approximate", batch_lru_hash},
        {"batch-lpm-trie", "batch look-up (5.13); without: key by key", batch_lpm_trie},
        {"batch-array-of-maps", "batch look-up (5.19); without: element by element",
         batch_array_of_maps},
        {"batch-hash-of-maps", "batch look-up (5.19); without: key by key, approximate",
         batch_hash_of_maps},
        {"drain-hash", "look-up and delete of a batch (5.6); without: key by key", drain_hash},
        {"drain-percpu-hash", "look-up and delete of a batch (5.6); without: key by key",
         drain_percpu_hash},
        {"take-hash", "look-up and delete of one element (5.14)", take_hash},
        {"take-percpu-hash", "look-up and delete of one element (5.14)", take_percpu_hash},
        {"take-queue", "pop from a queue (4.20); needed for queues", take_queue},
        {"membarrier", "a fence after a swap by membarrier(2); without: by a map of maps",
         membarrier_global},
        {"rename-noreplace", "rename on bpffs that overwrites nothing; needed", rename_noreplace},
        {"rename-exchange", "exchange of two names on bpffs (5.17)", rename_exchange},
        {"pin-below-directory", "pins named from an open directory (6.5)", pin_below_directory},
    };
    return features;
}

Support tcx_support() {
    return feature::tcx();
}

Support xdp_frags_support() {
    return feature::xdp_frags();
}

Support clock_support(ClockSource source) {
    switch (source) {
    case ClockSource::ktime:
        return Support::yes; // older than all kernels that have the rest
    case ClockSource::boot:
        return feature::clock_boot();
    case ClockSource::tai:
        return feature::clock_tai();
    case ClockSource::coarse:
        return feature::clock_coarse();
    }
    return Support::unknown;
}

Support memlock_accounting() {
    switch (feature::memcg_accounting()) {
    case Support::yes:
        return Support::no;
    case Support::no:
        return Support::yes;
    case Support::unknown:
        break;
    }
    return Support::unknown;
}

} // namespace dynmon

namespace dynmon::feature {

namespace {

constexpr std::uint32_t key_size = 8; // a prefix length and four bytes, for tries
constexpr std::uint32_t value_size = 8;

struct Attempt {
    Fd map;
    int error = 0; // negative errno; 0: `map` is there
};

Attempt make(bpf_map_type type, std::uint32_t key, std::uint32_t value, std::uint32_t entries,
             std::uint32_t flags = 0, int inner = -1) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
    if (inner >= 0)
        options.inner_map_fd = static_cast<__u32>(inner);
    const int fd = bpf_map_create(type, "dynmon_try", key, value, entries, &options);
    return fd < 0 ? Attempt{Fd(), fd} : Attempt{Fd(fd), 0};
}

Attempt make_of(bpf_map_type type) {
    switch (type) {
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
        return make(type, 4, value_size, 1);
    case BPF_MAP_TYPE_LPM_TRIE:
        return make(type, key_size, value_size, 1, BPF_F_NO_PREALLOC);
    case BPF_MAP_TYPE_QUEUE:
        return make(type, 0, value_size, 1);
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_HASH_OF_MAPS: {
        const Attempt inner = make(BPF_MAP_TYPE_ARRAY, 4, value_size, 1);
        return inner.map ? make(type, 4, 4, 1, 0, inner.map.get()) : Attempt{Fd(), inner.error};
    }
    default:
        return make(type, key_size, value_size, 1);
    }
}

// On a map without entries, or with the one of an array: a batch that works ends with ENOENT or 0.
Support batch(bpf_map_type type,
              int (*call)(const Fd&, const void*, void*, void*, void*, std::uint32_t&)) {
    const Attempt attempt = make_of(type);
    if (!attempt.map)
        return judge(attempt.error);
    std::array<std::byte, key_size> cursor{};
    std::array<std::byte, key_size> keys{};
    std::vector<std::byte> values(value_size * possible_cpus());
    std::uint32_t count = 1;
    const int result = call(attempt.map, nullptr, cursor.data(), keys.data(), values.data(), count);
    if (means_no_batch(result))
        return Support::no;
    return result == -ENOENT || result == -ENOSPC ? Support::yes : judge(result);
}

Support take(bpf_map_type type) {
    const Attempt attempt = make_of(type);
    if (!attempt.map)
        return judge(attempt.error);
    const std::array<std::byte, key_size> key{};
    std::vector<std::byte> value(value_size * possible_cpus());
    const int result = lookup_and_delete_element(
        attempt.map, type == BPF_MAP_TYPE_QUEUE ? nullptr : key.data(), value.data());
    return result == -ENOENT ? Support::yes : judge(result);
}

// The soft limit of this process is 0 for as long as this lives.
class NoLockedMemory {
public:
    NoLockedMemory() {
        lowered_ = getrlimit(RLIMIT_MEMLOCK, &before_) == 0;
        const rlimit none{0, before_.rlim_max};
        lowered_ = lowered_ && setrlimit(RLIMIT_MEMLOCK, &none) == 0;
    }
    ~NoLockedMemory() {
        if (lowered_)
            setrlimit(RLIMIT_MEMLOCK, &before_);
    }
    NoLockedMemory(const NoLockedMemory&) = delete;
    NoLockedMemory& operator=(const NoLockedMemory&) = delete;
    explicit operator bool() const { return lowered_; }

private:
    rlimit before_{};
    bool lowered_ = false;
};

} // namespace

// With and then without memory that may be locked. Not by libbpf, which raises the limit itself.
Support memcg_accounting() {
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = value_size;
    attributes.max_entries = 1;
    const auto create = [&] {
        return Fd(
            static_cast<int>(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes)));
    };
    if (const Attempt may = make_of(BPF_MAP_TYPE_ARRAY); !may.map)
        return judge(may.error);
    const NoLockedMemory limited;
    if (!limited)
        return Support::unknown;
    return create() ? Support::yes : Support::no;
}

Support freeze() {
    const Attempt attempt = make_of(BPF_MAP_TYPE_ARRAY);
    return judge(attempt.map ? bpf_map_freeze(attempt.map.get()) : attempt.error);
}

Support ringbuf() {
    const auto page = static_cast<std::uint32_t>(sysconf(_SC_PAGESIZE));
    return judge(make(BPF_MAP_TYPE_RINGBUF, 0, 0, page).error);
}

Support mmapable_array() {
    const Attempt attempt = make(BPF_MAP_TYPE_ARRAY, 4, value_size, 1, BPF_F_MMAPABLE);
    if (!attempt.map)
        return judge(attempt.error);
    void* memory = mmap(nullptr, value_size, PROT_READ, MAP_SHARED, attempt.map.get(), 0);
    if (memory == MAP_FAILED)
        return judge(-errno);
    munmap(memory, value_size);
    return Support::yes;
}

Support inner_map_size() {
    return judge(make(BPF_MAP_TYPE_ARRAY, 4, value_size, 1, BPF_F_INNER_MAP).error);
}

Support percpu_lookup_flags() {
    constexpr std::uint64_t one_cpu = 8; // BPF_F_CPU; the CPU stands in the upper half: 0
    const Attempt attempt = make_of(BPF_MAP_TYPE_PERCPU_ARRAY);
    if (!attempt.map)
        return judge(attempt.error);
    const std::uint32_t key = 0;
    std::vector<std::byte> value(value_size * possible_cpus());
    return judge(bpf_map_lookup_elem_flags(attempt.map.get(), &key, value.data(), one_cpu));
}

Support batch_array() {
    return batch(BPF_MAP_TYPE_ARRAY, lookup_batch);
}
Support batch_percpu_array() {
    return batch(BPF_MAP_TYPE_PERCPU_ARRAY, lookup_batch);
}
Support batch_hash() {
    return batch(BPF_MAP_TYPE_HASH, lookup_batch);
}
Support batch_percpu_hash() {
    return batch(BPF_MAP_TYPE_PERCPU_HASH, lookup_batch);
}
Support batch_lru_hash() {
    return batch(BPF_MAP_TYPE_LRU_HASH, lookup_batch);
}
Support batch_lpm_trie() {
    return batch(BPF_MAP_TYPE_LPM_TRIE, lookup_batch);
}
Support batch_array_of_maps() {
    return batch(BPF_MAP_TYPE_ARRAY_OF_MAPS, lookup_batch);
}
Support batch_hash_of_maps() {
    return batch(BPF_MAP_TYPE_HASH_OF_MAPS, lookup_batch);
}
Support drain_hash() {
    return batch(BPF_MAP_TYPE_HASH, lookup_and_delete_batch);
}
Support drain_percpu_hash() {
    return batch(BPF_MAP_TYPE_PERCPU_HASH, lookup_and_delete_batch);
}
Support take_hash() {
    return take(BPF_MAP_TYPE_HASH);
}
Support take_percpu_hash() {
    return take(BPF_MAP_TYPE_PERCPU_HASH);
}
Support take_queue() {
    return take(BPF_MAP_TYPE_QUEUE);
}

} // namespace dynmon::feature

namespace dynmon::feature {

namespace {

// Numbers of helpers that headers of older systems do not name.
constexpr int ktime_get_boot_ns = 125;
constexpr int ktime_get_coarse_ns = 160;
constexpr int loop = 181;
constexpr int ktime_get_tai_ns = 208;

constexpr std::uint32_t has_frags = 1u << 5; // BPF_F_XDP_HAS_FRAGS

Support loads(std::vector<bpf_insn> code) {
    return judge(try_load({.code = std::move(code)}));
}

// A clock takes nothing and gives a number: calling it is a whole program.
Support clock_helper(int helper) {
    return loads({tiny::call(helper), tiny::set(0, 0), tiny::leave()});
}

Support atomic(int operation) {
    return loads({tiny::zero_stack(-8), tiny::set(0, 0), tiny::set(1, 1),
                  tiny::atomic(operation, -8, 1), tiny::set(0, 0), tiny::leave()});
}

} // namespace

Support judge(int result) {
    switch (-result) {
    case EPERM:
    case EACCES:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EINTR:
    case EAGAIN:
        return Support::unknown;
    default:
        return result >= 0 ? Support::yes : Support::no;
    }
}

// r1 = address of the value of an array, as parameters are reached.
Support global_data() {
    const int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dynmon_try", 4, 8, 1, nullptr);
    if (map < 0)
        return judge(map);
    const Fd owned(map);
    return loads({tiny::make(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, map),
                  tiny::make(0, 0, 0, 0, 0), tiny::make(BPF_LDX | BPF_DW | BPF_MEM, 0, 1, 0, 0),
                  tiny::set(0, 0), tiny::leave()});
}

// do r0 += 1; while (r0 < 10);
Support bounded_loops() {
    return loads({tiny::set(0, 0), tiny::make(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1),
                  tiny::make(BPF_JMP | BPF_JLT | BPF_K, 0, 0, -2, 10), tiny::leave()});
}

// The limit is checked before the rights are.
Support large_programs() {
    if (loads({tiny::set(0, 0), tiny::leave()}) != Support::yes)
        return Support::unknown;
    std::vector<bpf_insn> code(BPF_MAXINSNS + 1, tiny::set(0, 0));
    code.push_back(tiny::leave());
    return loads(std::move(code));
}

// The call alone is never right, since its arguments are missing; a kernel that has the helper
// complains of those.
Support bpf_loop() {
    std::string log;
    const int result = try_load({.code = {tiny::call(loop), tiny::leave()}}, nullptr, &log);
    if (log.empty())
        return Support::unknown; // refused before the verifier had a look
    for (const char* absent : {"unknown func", "invalid func", "cannot use helper"})
        if (log.find(absent) != std::string::npos)
            return Support::no;
    return judge(result) == Support::unknown && result != -EACCES ? Support::unknown : Support::yes;
}

Support jmp32() {
    return loads(
        {tiny::set(0, 0), tiny::make(BPF_JMP32 | BPF_JEQ | BPF_K, 0, 0, 0, 1), tiny::leave()});
}

// r0 = (s8)r0
Support cpu_v4() {
    return loads({tiny::set(0, 1), tiny::make(BPF_ALU64 | BPF_MOV | BPF_X, 0, 0, 8, 0),
                  tiny::set(0, 0), tiny::leave()});
}

Support atomic_fetch() {
    return atomic(BPF_ADD | BPF_FETCH);
}

Support atomic_xchg() {
    return atomic(BPF_XCHG);
}

Support atomic_cmpxchg() {
    return atomic(BPF_CMPXCHG);
}

Support clock_boot() {
    return clock_helper(ktime_get_boot_ns);
}

Support clock_coarse() {
    return clock_helper(ktime_get_coarse_ns);
}

Support clock_tai() {
    return clock_helper(ktime_get_tai_ns);
}

// Asks for a device that does not exist: a kernel with TCX looks for it, one without does not know
// the attach type.
Support tcx() {
    std::uint32_t flags = 0;
    std::uint32_t count = 0;
    const int result = bpf_prog_query(0, tcx_ingress, 0, &flags, nullptr, &count);
    return result == -ENODEV ? Support::yes : judge(result);
}

// On the loopback device in the mode of network cards that run BPF themselves, which it never is:
// a kernel that can make such links gets as far as saying so.
Support xdp_link() {
    constexpr int loopback = 1; // in every network namespace
    Fd program;
    const int loaded =
        try_load({.type = BPF_PROG_TYPE_XDP, .code = {tiny::set(0, 2), tiny::leave()}}, &program);
    if (loaded < 0)
        return judge(loaded);
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_HW_MODE);
    const int result = bpf_link_create(program.get(), loopback, BPF_XDP, &options);
    if (result >= 0)
        Fd(result).reset();
    return result == -EOPNOTSUPP ? Support::yes : judge(result);
}

Support link_detach() {
    const int result = bpf_link_detach(-1);
    return result == -EBADF ? Support::yes : judge(result);
}

Support xdp_frags() {
    return judge(try_load(
        {.type = BPF_PROG_TYPE_XDP, .code = {tiny::set(0, 2), tiny::leave()}, .flags = has_frags}));
}

} // namespace dynmon::feature

namespace dynmon::feature {

namespace {

struct BtfFree {
    void operator()(btf* types) const { btf__free(types); }
};

// A bpffs that is mounted nowhere: gone with its descriptor. Negative errno when there is none.
int detached_bpffs() {
    const Fd context(static_cast<int>(syscall(SYS_fsopen, "bpf", FSOPEN_CLOEXEC)));
    if (!context || syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0))
        return -errno;
    const long mount = syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0);
    return mount < 0 ? -errno : static_cast<int>(mount);
}

Support renames(unsigned flags, bool target) {
    const int mount = detached_bpffs();
    if (mount < 0)
        return Support::unknown; // CAP_SYS_ADMIN; fsopen(2) itself is as old as 5.2
    const Fd owned(mount);
    if (mkdirat(mount, "from", 0700) != 0 || (target && mkdirat(mount, "to", 0700) != 0))
        return Support::unknown;
    return judge(renameat2(mount, "from", mount, "to", flags) == 0 ? 0 : -errno);
}

} // namespace

Support kernel_btf() {
    return judge(access("/sys/kernel/btf/vmlinux", R_OK) == 0 ? 0 : -errno);
}

Support enum64() {
    const std::unique_ptr<btf, BtfFree> types(btf__new_empty());
    if (!types || btf__add_enum64(types.get(), "dynmon_try", 8, false) < 0 ||
        btf__add_enum64_value(types.get(), "DYNMON_TRY", std::uint64_t{1} << 40) < 0)
        return Support::unknown;
    std::uint32_t size = 0;
    const void* bytes = btf__raw_data(types.get(), &size);
    const int fd = bpf_btf_load(bytes, size, nullptr);
    if (fd >= 0)
        Fd(fd).reset();
    return judge(fd);
}

Support membarrier_global() {
    return has_membarrier() ? Support::yes : Support::no;
}

Support rename_noreplace() {
    return renames(RENAME_NOREPLACE, false);
}

Support rename_exchange() {
    return renames(RENAME_EXCHANGE, true);
}

// Asks for a pin that does not exist, in attributes that headers of older systems do not name.
Support pin_below_directory() {
    constexpr std::uint32_t by_directory = 1u << 14; // BPF_F_PATH_FD
    struct {
        std::uint64_t path;
        std::uint32_t unused;
        std::uint32_t flags;
        std::int32_t directory;
        std::uint32_t padding;
    } attributes{reinterpret_cast<std::uintptr_t>("dynmon-no-such-pin"), 0, by_directory, AT_FDCWD,
                 0};
    const long result = syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes);
    if (result >= 0)
        Fd(static_cast<int>(result)).reset();
    const int error = result < 0 ? -errno : 0;
    return error == -ENOENT ? Support::yes : judge(error);
}

} // namespace dynmon::feature
