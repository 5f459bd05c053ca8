// SPDX-License-Identifier: BSD-2-Clause
#include <array>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "kernel/bpf.hpp"
#include "kernel/feature_probes.hpp"
#include "kernel/map_batch.hpp"

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
