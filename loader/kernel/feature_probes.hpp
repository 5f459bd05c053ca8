// SPDX-License-Identifier: BSD-2-Clause
// The attempts behind the features, one each. Internal to the folder.
#pragma once

#include "kernel/features.hpp"

namespace dynmon::feature {

// What the negative errno of an attempt says: refused rights and scarcity say nothing.
Support judge(int result);

// feature_programs.cpp: tiny programs and links
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

// feature_maps.cpp
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

// feature_system.cpp: BTF, fence, bpffs
Support kernel_btf();
Support enum64();
Support membarrier_global();
Support rename_noreplace();
Support rename_exchange();
Support pin_below_directory();

} // namespace dynmon::feature
