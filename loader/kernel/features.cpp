// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/features.hpp"

#include "kernel/feature_probes.hpp"

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
        {"map-freeze", "records that nobody can change (5.2); needed", freeze},
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
