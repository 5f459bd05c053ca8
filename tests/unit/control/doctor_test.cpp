// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <limits>

#include <doctest/doctest.h>
#include <linux/capability.h>

#include "control/doctor.hpp"

using namespace dynmon;

namespace {

// A machine on which all is well.
SystemReport healthy() {
    SystemReport found;
    for (const Feature& feature : all_features())
        found.features.push_back({&feature, Support::yes});
    found.process.effective = ~std::uint64_t{0};
    found.restrictions = {.unprivileged_bpf_disabled = 2,
                          .lockdown = "none",
                          .jit = 1,
                          .memlock = std::numeric_limits<std::uint64_t>::max()};
    found.bpffs = {.path = "/sys/fs/bpf", .mounted = true, .mode = 01777, .owner = 0};
    return found;
}

void set(SystemReport& found, const std::string& name, Support support) {
    for (FoundFeature& entry : found.features)
        if (entry.feature->name == name)
            entry.support = support;
}

// The remedy of the only problem, whose text has `part` in it.
std::string remedy(const SystemReport& found, const std::string& part) {
    const std::vector<SystemProblem> ailments = diagnose(found);
    REQUIRE(ailments.size() == 1);
    CAPTURE(ailments[0].problem);
    CHECK(ailments[0].problem.find(part) != std::string::npos);
    return ailments[0].remedy;
}

} // namespace

TEST_CASE("a healthy machine has no problem") {
    CHECK(diagnose(healthy()).empty());
}

TEST_CASE("names of features are unique and fit for JSON") {
    std::vector<std::string> names;
    for (const Feature& feature : all_features())
        names.emplace_back(feature.name);
    std::sort(names.begin(), names.end());
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
    for (const std::string& name : names)
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos);
}

TEST_CASE("a kernel without its types needs --btf, one without a needed feature is too old") {
    SystemReport found = healthy();
    set(found, "btf", Support::no);
    CHECK(remedy(found, "/sys/kernel/btf").find("--btf FILE") != std::string::npos);
    found = healthy();
    set(found, "map-freeze", Support::no);
    CHECK(remedy(found, "'map-freeze'") == "use Linux 5.10 or later");
    found = healthy();
    set(found, "tcx", Support::no); // there is another way
    CHECK(diagnose(found).empty());
}

TEST_CASE("what forbids bpf although the capabilities are there") {
    SystemReport found = healthy();
    for (FoundFeature& entry : found.features)
        entry.support = Support::unknown;
    found.process.seccomp = "filter";
    CHECK(remedy(found, "refused although").find("seccomp") != std::string::npos);
    found.process.seccomp = "disabled";
    CHECK(remedy(found, "refused although").find("security module") != std::string::npos);
    found.process.effective = 0;
    CHECK(remedy(found, "lacks CAP_BPF or CAP_NET_ADMIN").find("root") != std::string::npos);
}

TEST_CASE("sysctls and lockdown") {
    SystemReport found = healthy();
    found.restrictions.unprivileged_bpf_disabled = 0;
    CHECK_FALSE(is_ill(diagnose(found)));
    CHECK(remedy(found, "every user") == "sysctl kernel.unprivileged_bpf_disabled=2");
    found = healthy();
    found.restrictions.jit = 0;
    CHECK(remedy(found, "interpreted") == "sysctl net.core.bpf_jit_enable=1");
    found = healthy();
    found.restrictions.lockdown = "confidentiality";
    CHECK(remedy(found, "locked down").find("lockdown=integrity") != std::string::npos);
    found.restrictions.lockdown = "integrity";
    CHECK(diagnose(found).empty());
}

TEST_CASE("RLIMIT_MEMLOCK matters where it counts and cannot be raised") {
    SystemReport found = healthy();
    found.restrictions.memlock = 65536;
    CHECK(diagnose(found).empty());
    set(found, "memcg-accounting", Support::no);
    CHECK(diagnose(found).empty()); // CAP_SYS_RESOURCE raises it
    found.process.effective &= ~(std::uint64_t{1} << CAP_SYS_RESOURCE);
    CHECK(remedy(found, "65536 bytes").find("LimitMEMLOCK=infinity") != std::string::npos);
}

TEST_CASE("a hook without use, without device, taken off, or with an empty chain") {
    SystemReport found = healthy();
    HookStatus hook{.id = {1, 2, HookPoint::xdp}, .device = "eth7"};
    found.store.contents.hooks = {hook};
    CHECK(remedy(found, "xdp of eth7 is used by no monitor") == "dynmon-load recover");
    MonitorStatus monitor;
    monitor.name = "m";
    monitor.health = "attached";
    monitor.programs.push_back({.hook = hook.id});
    found.store.contents.monitors = {monitor};
    CHECK(remedy(found, "its chain is empty").find("recover") != std::string::npos);
    found.store.contents.hooks[0].chain = {"m/p"};
    CHECK(diagnose(found).empty());
    found.store.contents.hooks[0].health = HookHealth::defunct;
    CHECK(is_ill(diagnose(found)));
    CHECK(remedy(found, "the device is gone").find("dynmon-load apply") != std::string::npos);
    found.store.contents.hooks[0].health = HookHealth::detached;
    CHECK(remedy(found, "is not attached: another process detached it").find("dynmon-load apply") !=
          std::string::npos);
    found.store.contents.hooks[0].problem = "its interface may be gone";
    CHECK(remedy(found, "is not attached: its interface may be gone").find("dynmon-load apply") !=
          std::string::npos);
}

TEST_CASE("a monitor whose hook is gone is ill, once") {
    SystemReport found = healthy();
    MonitorStatus monitor;
    monitor.name = "m";
    monitor.health = "defunct";
    monitor.programs.push_back({.hook = {1, 2, HookPoint::xdp}});
    found.store.contents.monitors = {monitor};
    CHECK(remedy(found, "monitor 'm': its interface is gone").find("dynmon-load apply") !=
          std::string::npos);
    CHECK(is_ill(diagnose(found)));
}

TEST_CASE("a program in front of a hook is a problem, unless that was asked for") {
    SystemReport found = healthy();
    const HookId id{.netns = 1, .ifindex = 2, .point = HookPoint::tc_ingress};
    MonitorStatus monitor{.name = "p", .health = "attached"};
    monitor.programs.push_back({.name = "p", .hook = id});
    found.store.contents.monitors.push_back(monitor);
    HookStatus hook{.id = id, .device = "eth0", .attach = "link", .chain = {"p/p"}};
    const auto examine = [&](const Neighbour& neighbour) {
        hook.in_front = std::vector<Neighbour>{neighbour};
        found.store.contents.hooks = {hook};
    };
    const Neighbour program{.program_id = 9, .name = "theirs"};
    examine(program);
    CHECK(remedy(found, "program theirs (id 9) on tcx runs in front") ==
          "unload the monitors of the hook and load them again: they go to the head");
    hook.attach = "clsact";
    examine(program);
    CHECK(remedy(found, "theirs (id 9)").find("--tc tcx") != std::string::npos);
    examine({.place = Neighbour::Place::clsact, .name = "flower", .priority = 1});
    CHECK(remedy(found, "filter flower on clsact with priority 1").find("--tc tcx") !=
          std::string::npos);
    examine({.place = Neighbour::Place::xdp, .program_id = 9}); // always comes first
    CHECK(diagnose(found).empty());
    hook.order = HookOrder::tail;
    examine(program);
    CHECK(diagnose(found).empty());
    hook.in_front = std::nullopt; // not known without rights
    found.store.contents.hooks = {hook};
    CHECK(diagnose(found).empty());
}

TEST_CASE("a program that was taken out is a problem, with the numbers and the way back") {
    SystemReport found = healthy();
    MonitorStatus monitor;
    monitor.name = "web";
    monitor.health = "over-limit";
    monitor.programs = {
        {.name = "flows_ingress",
         .limit_ns = 1'000,
         .taken_out = TakenOut{.since_ns = 1'795'309'323'000'000'000, .ns = 34'500'000}},
        {.name = "flows_egress", .limit_ns = 1'000}};
    found.store.contents.monitors = {monitor};
    const std::string way_back =
        remedy(found, "monitor 'web': program 'flows_ingress' was taken out: 34500000 ns a packet "
                      "exceed its limit of 1000 ns, since 2026-11-22T01:02:03Z");
    CHECK(way_back.find("`dynmon-load replace web PROBE`") != std::string::npos);
}
