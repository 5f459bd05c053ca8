// SPDX-License-Identifier: BSD-2-Clause
// Every program of every object is accepted by the verifier of the running kernel, in few steps.
#include <cstdio>
#include <cstring>

#include <doctest/doctest.h>

#include "crypto.skel.h"
#include "ddos.skel.h"
#include "features.skel.h"
#include "flows.skel.h"
#include "mirror.skel.h"
#include "ntp.skel.h"
#include "packets.skel.h"
#include "pivot.skel.h"
#include "runner.hpp"
#include "ssdp.skel.h"
#include "template.skel.h"
#include "window.skel.h"

namespace {

template <typename Skeleton>
std::vector<std::string> programs() {
    std::vector<std::string> result;
    Skeleton* skeleton = Skeleton::open();
    REQUIRE(skeleton);
    bpf_program* each = nullptr;
    bpf_object__for_each_program(each, skeleton->obj) result.push_back(bpf_program__name(each));
    Skeleton::destroy(skeleton);
    return result;
}

template <typename Skeleton>
void load_each(const std::vector<std::string>& expected) {
    CHECK(programs<Skeleton>() == expected);
    for (const auto& name : expected) {
        CAPTURE(name);
        CHECK_NOTHROW(Loaded<Skeleton>{name});
    }
}

// What the loader says of a device that it loads programs for, and of their cost.
struct Device {
    std::uint32_t link; // enum dynmon_link
    std::uint32_t mtu;
    bool frags;
    std::uint64_t limit = 0;
};

// How many instructions the verifier walked through.
template <typename Skeleton>
unsigned steps(const std::string& program, const Device& device) {
    std::vector<char> log(1 << 16);
    unsigned result = 0;
    const Loaded<Skeleton> probe(program, [&](Skeleton& skeleton) {
        bpf_program* loaded = bpf_object__find_program_by_name(skeleton.obj, program.c_str());
        bpf_program__set_log_buf(loaded, log.data(), log.size());
        bpf_program__set_log_level(loaded, 4); // the figures alone
        skeleton.rodata->dynmon_slot = 1;
        skeleton.rodata->dynmon_may_drop = true;
        skeleton.rodata->dynmon_link = device.link;
        skeleton.rodata->dynmon_mtu = device.mtu;
        skeleton.rodata->dynmon_frags = device.frags;
        skeleton.rodata->dynmon_limit = device.limit;
        if (device.frags)
            bpf_program__set_flags(loaded, BPF_F_XDP_HAS_FRAGS);
    });
    const char* said = std::strstr(log.data(), "processed ");
    REQUIRE(said);
    REQUIRE(std::sscanf(said, "processed %u insns", &result) == 1);
    return result;
}

// On every kind of device, and with a limit to the cost. 5.10 walks ssdp under XDP in 98,500 steps,
// newer kernels all in less than 60,000. What takes the verifier a second here takes minutes where
// the machine is emulated.
template <typename Skeleton>
void count_steps() {
    for (const auto& name : programs<Skeleton>()) {
        const bool xdp = name.ends_with("_xdp");
        std::vector<Device> devices = {{0, xdp ? 1500u : 0, false},
                                       {1, xdp ? 1500u : 0, false},
                                       {0, xdp ? 1500u : 0, false, 1000}};
        if (xdp && has_xdp_frags())
            devices.push_back({0, 1500, true});
        for (const Device& device : devices) {
            CAPTURE(name);
            CAPTURE(device.link);
            CAPTURE(device.frags);
            CAPTURE(device.limit);
            CHECK(steps<Skeleton>(name, device) <= 100'000u);
        }
    }
}

} // namespace

TEST_CASE("every program is accepted by the verifier") {
    load_each<pivot_bpf>({"pivot_xdp", "pivot_tc"});
    load_each<packets_bpf>({"packets_ingress", "packets_egress", "packets_ingress_xdp"});
    load_each<flows_bpf>({"flows_ingress", "flows_egress", "flows_ingress_xdp"});
    load_each<ntp_bpf>({"ntp_ingress", "ntp_egress", "ntp_ingress_xdp"});
    load_each<ssdp_bpf>({"ssdp_ingress", "ssdp_ingress_xdp"});
    load_each<crypto_bpf>({"crypto_ingress", "crypto_egress", "crypto_ingress_xdp"});
    load_each<ddos_bpf>({"ddos_ingress", "ddos_egress", "ddos_ingress_xdp"});
    load_each<features_bpf>({"features_ingress", "features_egress", "features_ingress_xdp"});
    load_each<window_bpf>({"window_ingress", "window_egress", "window_ingress_xdp"});
    load_each<template_bpf>({"template_ingress", "template_egress", "template_ingress_xdp"});
    load_each<mirror_bpf>({"mirror_ingress", "mirror_egress", "mirror_ingress_xdp"});
}

TEST_CASE("the verifier walks through every probe in few steps") {
    count_steps<packets_bpf>();
    count_steps<ssdp_bpf>();
    count_steps<flows_bpf>();
    count_steps<ntp_bpf>();
    count_steps<crypto_bpf>();
    count_steps<ddos_bpf>();
    count_steps<features_bpf>();
    count_steps<window_bpf>();
    count_steps<template_bpf>();
}

TEST_CASE("no probe needs the BTF of the kernel") {
    bpf_object_open_opts options{};
    options.sz = sizeof(options);
    options.btf_custom_path = "/nonexistent"; // opened only if there is something to relocate
    CHECK_NOTHROW(Loaded<packets_bpf>("packets_ingress", {}, &options));
    CHECK_NOTHROW(Loaded<flows_bpf>("flows_ingress", {}, &options));
    CHECK_NOTHROW(Loaded<flows_bpf>("flows_ingress_xdp", {}, &options));
    CHECK_NOTHROW(Loaded<ntp_bpf>("ntp_ingress_xdp", {}, &options));
    CHECK_NOTHROW(Loaded<ssdp_bpf>("ssdp_ingress_xdp", {}, &options));
}

TEST_CASE("value types keep their names in the BTF of the object") {
    Loaded<flows_bpf> flows("flows_ingress");
    const btf* types = bpf_object__btf(flows->obj);
    const auto key = bpf_map__btf_key_type_id(flows->maps.FLOWS_INGRESS);
    const auto value = bpf_map__btf_value_type_id(flows->maps.FLOWS_INGRESS);

    CHECK(field(types, key, "saddr").type_name == "dynmon_ip_t");
    CHECK(field(types, key, "sport").type_name == "dynmon_port_t");
    CHECK(field(types, key, "proto").type_name == "dynmon_proto_t");
    CHECK(field(types, value, "first").type_name == "dynmon_time_ns_t");
    CHECK(field(types, value, "tcp_flags").type_name == "dynmon_tcp_flags_t");
}

TEST_CASE("the flow key has no byte that is not a field") {
    Loaded<flows_bpf> flows("flows_ingress");
    const btf* types = bpf_object__btf(flows->obj);
    const auto id = bpf_map__btf_key_type_id(flows->maps.FLOWS_INGRESS);
    const btf_type* key = btf__type_by_id(types, id);
    std::size_t covered = 0;
    const btf_member* members = btf_members(key);
    for (int i = 0; i < btf_vlen(key); ++i)
        covered += static_cast<std::size_t>(btf__resolve_size(types, members[i].type));
    CHECK(covered == key->size);
    CHECK(covered == 40);
}
