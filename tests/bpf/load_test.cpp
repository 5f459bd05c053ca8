// Every program of every object is accepted by the verifier of the running kernel.
#include <doctest/doctest.h>

#include "flows.skel.h"
#include "mirror.skel.h"
#include "ntp.skel.h"
#include "packets.skel.h"
#include "pivot.skel.h"
#include "runner.hpp"
#include "ssdp.skel.h"
#include "template.skel.h"

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

} // namespace

TEST_CASE("every program is accepted by the verifier") {
    load_each<pivot_bpf>({"pivot_xdp", "pivot_tc"});
    load_each<packets_bpf>({"packets_ingress", "packets_egress", "packets_ingress_xdp"});
    load_each<flows_bpf>({"flows_ingress", "flows_egress", "flows_ingress_xdp"});
    load_each<ntp_bpf>({"ntp_ingress", "ntp_egress", "ntp_ingress_xdp"});
    load_each<ssdp_bpf>({"ssdp_ingress", "ssdp_ingress_xdp"});
    load_each<template_bpf>({"template_ingress", "template_egress", "template_ingress_xdp"});
    load_each<mirror_bpf>({"mirror_ingress", "mirror_egress", "mirror_ingress_xdp"});
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
