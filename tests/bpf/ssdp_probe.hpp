// SPDX-License-Identifier: BSD-2-Clause
// The probe `ssdp`, as tests load it, and what it has counted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include "runner.hpp"
#include "ssdp.skel.h"

// One field of TRAFFIC by kind of packet, without those where it is 0.
using Kinds = std::map<std::string, std::uint64_t>;

Kinds kinds(const Loaded<ssdp_bpf>& probe, const char* field);
std::string kind_name(const Loaded<ssdp_bpf>& probe, std::uint32_t number);

std::uint64_t uptime_ns(); // the time of events, as long as no clock is set

// A frame from an address of either family.
Bytes from(const std::string& source, const Bytes& datagram = udp(1, 2, payload(20)));

// Gives the program a frame; false: it passed.
bool drops(const Loaded<ssdp_bpf>& probe, const Bytes& frame);

// Under TC and under XDP, with the right to drop.
template <typename Check>
void on_both(Check&& check, const Loaded<ssdp_bpf>::Setup& setup = {}) {
    for (const std::string program : {"ssdp_ingress", "ssdp_ingress_xdp"}) {
        CAPTURE(program);
        Loaded<ssdp_bpf> probe(program, [&](ssdp_bpf& skeleton) {
            skeleton.rodata->dynmon_may_drop = true;
            if (setup)
                setup(skeleton);
        });
        check(probe);
    }
}
