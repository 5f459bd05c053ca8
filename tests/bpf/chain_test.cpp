// SPDX-License-Identifier: BSD-2-Clause
// Hand-over from program to program through the PROG_ARRAY of a hook, and what a verdict does.
#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "abi.h"
#include "mirror.skel.h"
#include "packets.skel.h"
#include "pivot.skel.h"
#include "runner.hpp"

namespace {

const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({})));

struct Hook {
    std::string pivot;
    std::string packets;
    std::string mirror;
    int pass;
    int drop;
};

void put(int chain, __u32 slot, int program) {
    REQUIRE(bpf_map_update_elem(chain, &slot, &program, BPF_ANY) == 0);
}

std::uint64_t counted(const Loaded<packets_bpf>& probe) {
    const __u32 zero = 0;
    return Value(probe->obj, probe->maps.PKT_COUNTER, &zero).sum();
}

const Hook hooks[] = {
    {"pivot_xdp", "packets_ingress_xdp", "mirror_ingress_xdp", XDP_PASS, XDP_DROP},
    {"pivot_tc", "packets_ingress", "mirror_ingress", TC_ACT_UNSPEC, TC_ACT_SHOT},
};

// A pivot, `packets` in slot 0 and `mirror` in slot 5, not yet linked to each other.
struct Chain {
    explicit Chain(const Hook& hook, bool may_drop = false)
        : pivot(hook.pivot),
          array(bpf_map__fd(pivot.xdp() ? pivot->maps.chain_xdp : pivot->maps.chain_tc)),
          packets(hook.packets,
                  [this](packets_bpf& skeleton) {
                      skeleton.rodata->dynmon_slot = 3;
                      REQUIRE(bpf_map__reuse_fd(skeleton.maps.dynmon_chain, array) == 0);
                  }),
          mirror(hook.mirror, [this, may_drop](mirror_bpf& skeleton) {
              skeleton.rodata->dynmon_slot = 5;
              skeleton.rodata->dynmon_may_drop = may_drop;
              skeleton.rodata->want_drop = true;
              REQUIRE(bpf_map__reuse_fd(skeleton.maps.dynmon_chain, array) == 0);
          }) {}

    Loaded<pivot_bpf> pivot;
    int array;
    Loaded<packets_bpf> packets;
    Loaded<mirror_bpf> mirror;
};

} // namespace

TEST_CASE("an empty chain lets the packet pass") {
    for (const Hook& hook : hooks) {
        CAPTURE(hook.pivot);
        CHECK(run(Loaded<pivot_bpf>(hook.pivot).fd(), frame) == hook.pass);
    }
}

TEST_CASE("the pivot runs slot 0, and each program goes on with its own slot") {
    for (const Hook& hook : hooks) {
        CAPTURE(hook.pivot);
        Chain chain(hook);

        put(chain.array, 0, chain.packets.fd());
        CHECK(run(chain.pivot.fd(), frame) == hook.pass);
        CHECK(counted(chain.packets) == 1);
        CHECK(chain.mirror->bss->seen.calls == 0);

        put(chain.array, 3, chain.mirror.fd());
        CHECK(run(chain.pivot.fd(), frame) == hook.pass);
        CHECK(counted(chain.packets) == 2);
        CHECK(chain.mirror->bss->seen.calls == 1);

        const __u32 slot = 0;
        REQUIRE(bpf_map_delete_elem(chain.array, &slot) == 0);
        CHECK(run(chain.pivot.fd(), frame) == hook.pass);
        CHECK(counted(chain.packets) == 2);
        CHECK(chain.mirror->bss->seen.calls == 1);
    }
}

TEST_CASE("a program without the leave to drop cannot: the rest of the chain runs") {
    for (const Hook& hook : hooks) {
        CAPTURE(hook.pivot);
        Chain chain(hook, false);
        put(chain.array, 0, chain.mirror.fd());
        put(chain.array, 5, chain.packets.fd());
        CHECK(run(chain.pivot.fd(), frame) == hook.pass);
        CHECK(chain.mirror->bss->seen.calls == 1);
        CHECK(counted(chain.packets) == 1);
    }
}

TEST_CASE("a program with the leave to drop drops: no program behind it sees the packet") {
    for (const Hook& hook : hooks) {
        CAPTURE(hook.pivot);
        Chain chain(hook, true);
        put(chain.array, 0, chain.mirror.fd());
        put(chain.array, 5, chain.packets.fd());
        CHECK(run(chain.pivot.fd(), frame) == hook.drop);
        CHECK(chain.mirror->bss->seen.calls == 1);
        CHECK(counted(chain.packets) == 0);
    }
}

TEST_CASE("a program that was given no slot ends the chain") {
    for (const Hook& hook : hooks) {
        CAPTURE(hook.pivot);
        Loaded<pivot_bpf> pivot(hook.pivot);
        const int array = bpf_map__fd(pivot.xdp() ? pivot->maps.chain_xdp : pivot->maps.chain_tc);
        Loaded<packets_bpf> packets(hook.packets, [&](packets_bpf& skeleton) {
            REQUIRE(bpf_map__reuse_fd(skeleton.maps.dynmon_chain, array) == 0);
            CHECK(skeleton.rodata->dynmon_slot == DYNMON_NO_SLOT);
        });
        // In every slot, so that whichever it jumped to would count again.
        for (__u32 slot = 0; slot < DYNMON_CHAIN_SLOTS; ++slot)
            put(array, slot, packets.fd());
        CHECK(run(pivot.fd(), frame) == hook.pass);
        CHECK(counted(packets) == 1);
    }
}
