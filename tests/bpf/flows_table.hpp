// SPDX-License-Identifier: BSD-2-Clause
// The flow table of the probe `flows`, as tests look at it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "flows.skel.h"
#include "runner.hpp"

// One flow as text "proto version vlan source:port > destination:port" to its value.
using Table = std::map<std::string, Value>;

Table table(const Loaded<flows_bpf>& probe, const bpf_map* map);
Table ingress(const Loaded<flows_bpf>& probe);
std::vector<std::string> names(const Table& flows);
std::uint64_t missed(const Loaded<flows_bpf>& probe, const char* why); // of ingress

// first: the smallest that is set; last: the greatest; over the CPUs.
std::pair<std::uint64_t, std::uint64_t> span(const Value& flow);

// The field `flows` of the CPUs' copies, as the manifest merges them.
std::uint64_t uses(const Value& flow);

constexpr bpf_map_type table_types[] = {BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_HASH,
                                        BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_MAP_TYPE_LRU_HASH};

// As the loader does it: the maps, and the parameter that tells the program what they are.
void set_table(flows_bpf& skeleton, bpf_map_type type);
