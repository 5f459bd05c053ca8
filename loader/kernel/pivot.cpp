// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/pivot.hpp"

#include <cerrno>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/error.hpp"
#include "base/libbpf_log.hpp"
#include "kernel/duplicate.hpp"
#include "kernel/prepare_object.hpp"
#include "kernel/rights.hpp"
#include "pivot.skel.h"

namespace dynmon {

namespace {

struct SkeletonDestroy {
    void operator()(pivot_bpf* skeleton) const { pivot_bpf::destroy(skeleton); }
};

} // namespace

std::vector<std::byte> pivot_object() {
    std::size_t size = 0;
    const auto* bytes = static_cast<const std::byte*>(pivot_bpf::elf_bytes(&size));
    return {bytes, bytes + size};
}

Pivot load_pivot(bool xdp, bool frags) {
    const LibbpfLog log;
    const std::unique_ptr<pivot_bpf, SkeletonDestroy> skeleton(pivot_bpf::open());
    if (!skeleton)
        throw Error(ErrorKind::failed, "open the pivot", errno);
    bpf_program__set_autoload(skeleton->progs.pivot_xdp, xdp);
    bpf_program__set_autoload(skeleton->progs.pivot_tc, !xdp);
    // What a chain has to agree in is set here as it is for its members, and not left to libbpf.
    for (bpf_program* program : {skeleton->progs.pivot_xdp, skeleton->progs.pivot_tc})
        set_chain_attributes(program, frags);
    bpf_map__set_autocreate(skeleton->maps.chain_xdp, xdp);
    bpf_map__set_autocreate(skeleton->maps.chain_tc, !xdp);
    if (const int result = pivot_bpf::load(skeleton.get()); result < 0) {
        throw Error(ErrorKind::failed, "load the pivot", -result)
            .hint(refusal_hint(-result, {Right::bpf, Right::net_admin}));
    }
    const bpf_program* program = xdp ? skeleton->progs.pivot_xdp : skeleton->progs.pivot_tc;
    const bpf_map* chain = xdp ? skeleton->maps.chain_xdp : skeleton->maps.chain_tc;
    return Pivot{.program = duplicate(bpf_program__fd(program)),
                 .chain = duplicate(bpf_map__fd(chain))};
}

} // namespace dynmon
