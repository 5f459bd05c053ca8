// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/fence.hpp"

#include <cerrno>

#include <unistd.h>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include "base/error.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

namespace {

// MEMBARRIER_CMD_GLOBAL is synchronize_rcu(), but it returns at once with one CPU online and is
// refused under nohz_full (kernel/sched/membarrier.c).
// Returns 0 or the errno that says why not.
int fence_by_membarrier() {
    if (!fence_is_membarrier())
        return EOPNOTSUPP;
    return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0 ? 0 : errno;
}

// An update of a map of maps from user space ends with synchronize_rcu(), since programs may still
// use the inner map that it replaced (maybe_wait_bpf_programs() in kernel/bpf/syscall.c).
struct FenceMaps {
    Fd inner = create_map({.type = BPF_MAP_TYPE_ARRAY, .name = "fence_inner"});
    Fd outer = create_map(
        {.type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .name = "fence", .inner_map_fd = inner.get()});
};

// Made once: later the process may lack the right to make maps.
const FenceMaps& fence_maps() {
    static const FenceMaps maps;
    return maps;
}

void fence_by_map_of_maps() {
    const FenceMaps& maps = fence_maps();
    const std::uint32_t key = 0;
    const int value = maps.inner.get();
    update_element(maps.outer, &key, &value);
}

} // namespace

bool has_membarrier() {
    const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return commands >= 0 && (commands & MEMBARRIER_CMD_GLOBAL) != 0;
}

bool fence_is_membarrier() {
    return get_nprocs() > 1 && has_membarrier();
}

void fence() {
    const int refused = fence_by_membarrier();
    if (refused == 0)
        return;
    during("wait until no packet is in a program that was taken out (no membarrier, " +
               errno_name(refused) + ")",
           fence_by_map_of_maps);
}

void prepare_fence() {
    try {
        fence_maps(); // also where there is membarrier: another CPU may go offline until then
    } catch (const Error&) {
        if (!fence_is_membarrier())
            throw;
    }
}

} // namespace dynmon
