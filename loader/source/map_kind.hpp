// SPDX-License-Identifier: BSD-2-Clause
// Every type of map there is: whether its entries can be listed, or else why not.
#pragma once

#include <string>

#include "base/map_type.hpp"
#include "kernel/bpf.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

enum class MapKind {
    plain,      // keys and values as the kernel gives them
    trie,       // the same, with prefixes as keys
    queue,      // values only
    inner_maps, // array or hash of maps
    programs,   // slot → program id
    devices,    // devmap: interface and program
    cpus,       // cpumap: length of the queue and program
    sockets,    // sockmap and its kin: socket cookies
    stacks,     // stack_trace: addresses
    struct_ops, // one value, of a type of the kernel
    task_storage,
    cgroup_storage,
    socket_storage,
    events,  // ring buffer, perf event array: to be streamed
    unknown, // newer than dynmon: key by key, if it has keys and values of a fixed size
    closed,  // cannot be listed
};

// Numbers beyond the headers that dynmon was built with are known too.
MapKind map_kind(MapType type);

bool is_storage(MapType type); // of tasks, cgroups or sockets, which are looked for

// What it takes beside an open map to list it: the objects whose ids it holds are opened.
Rights rights_to_list(MapType type);

// Throws Error{unsupported} with one sentence on why a map of this type cannot be listed.
[[noreturn]] void refuse_listing(const MapFacts& facts);

} // namespace dynmon
