// SPDX-License-Identifier: BSD-2-Clause
#include <fstream>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"
#include "object/test_objects.hpp"
#include "policy/instructions.hpp"
#include "policy/machine_policy.hpp"
#include "policy/memory.hpp"

using namespace dynmon;

namespace {

std::string refusal(const MachinePolicies& policies, std::set<Power> may) {
    Manifest manifest;
    manifest.name = "web";
    manifest.may = std::move(may);
    try {
        require_allowed_powers(policies, manifest);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::rejected);
        return error.what();
    }
}

std::string fault(const std::string& text) {
    try {
        MachinePolicy::parse(text, "policy.yaml");
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::rejected);
        CHECK_FALSE(error.hint().empty());
        return error.what();
    }
}

} // namespace

TEST_CASE("without a policy a probe may do what its manifest says") {
    CHECK(refusal({}, {Power::drop, Power::loops}) == "");
    CHECK(map_memory_limit({}) == preset_map_memory);
}

TEST_CASE("a policy names what probes may do, and nothing else is allowed") {
    const MachinePolicy policy =
        MachinePolicy::parse("may: [drop]\nmap-memory-mib: 16\n", "p.yaml");
    CHECK(refusal({policy}, {}) == "");
    CHECK(refusal({policy}, {Power::drop}) == "");
    CHECK(refusal({policy}, {Power::drop, Power::loops}) ==
          "probe 'web' loops beyond what the verifier unrolls, which p.yaml does not allow");
    CHECK(map_memory_limit({policy}) == 16u << 20);
    const MachinePolicy closed = MachinePolicy::parse("{may: []}", "closed.yaml");
    CHECK(refusal({closed}, {Power::drop}) ==
          "probe 'web' decides over packets, which closed.yaml does not allow");
    const MachinePolicy redirect = MachinePolicy::parse("may: [redirect]", "r.yaml");
    CHECK(refusal({redirect}, {Power::redirect, Power::drop}) == "");
}

TEST_CASE("a second policy makes the first no wider") {
    const MachinePolicy first = MachinePolicy::parse("{may: [drop], map-memory-mib: 16}", "1");
    const MachinePolicy second = MachinePolicy::parse("{may: [loops], map-memory-mib: 64}", "2");
    CHECK(refusal({first, second}, {Power::drop}) != "");
    CHECK(refusal({first, second}, {Power::loops}) != "");
    CHECK(map_memory_limit({first, second}) == 16u << 20);
    const MachinePolicy silent = MachinePolicy::parse("{}", "3");
    CHECK(refusal({first, silent}, {Power::drop}) == "");
    CHECK(map_memory_limit({silent}) == preset_map_memory);
}

TEST_CASE("of several bounds on instructions the least holds, of none that of dynmon") {
    const MachinePolicy wide = MachinePolicy::parse("instructions: 5000000", "1");
    const MachinePolicy narrow = MachinePolicy::parse("instructions: 3000", "2");
    CHECK(instruction_limit({}) == preset_instructions);
    CHECK(instruction_limit({MachinePolicy::parse("{}", "3")}) == preset_instructions);
    CHECK(instruction_limit({wide}) == 5'000'000);
    CHECK(instruction_limit({wide, narrow}) == 3'000);
}

TEST_CASE("a policy with a mistake in it lets nothing in") {
    CHECK(fault("may: [dorp]") == "policy.yaml:1:7: 'may' must be drop, write-packets, redirect, "
                                  "read-kernel, timers or loops, not 'dorp'");
    CHECK(fault("may: drop") == "policy.yaml:1:6: 'may' must be a list, not 'drop'");
    CHECK(fault("my: [drop]") == "policy.yaml:1:1: unknown key 'my' in a policy");
    CHECK(fault("map-memory-mib: 0") != "");
    CHECK(fault("map-memory-mib: lots") != "");
    CHECK(fault("instructions: 0") ==
          "policy.yaml:1:15: 'instructions' must be a whole number from 1 "
          "to 1000000000000, not the number 0");
    CHECK(fault("may:") != "");
}

TEST_CASE("a policy that others can write to is not believed") {
    const test::TemporaryFolder folder;
    const std::string path = (folder / "policy.yaml").string();
    std::ofstream(path) << "may: [drop]\n";
    CHECK(MachinePolicy::read(path).allows(Power::drop));
    CHECK_FALSE(MachinePolicy::read(path).allows(Power::loops));
    CHECK(::chmod(path.c_str(), 0666) == 0);
    CHECK_THROWS_AS(MachinePolicy::read(path), Error);
    CHECK_THROWS_AS(MachinePolicy::read((folder / "none.yaml").string()), Error);
}

TEST_CASE("maps are measured as they are when full") {
    MapInfo map;
    map.type = BPF_MAP_TYPE_PERCPU_HASH;
    map.key_size = 5;
    map.value_size = 12;
    map.max_entries = 1000;
    CHECK(map_bytes(map, 4) == 1000 * (80 + 8 + 4 * 16));
    map.type = BPF_MAP_TYPE_HASH;
    CHECK(map_bytes(map, 4) == 1000 * (80 + 8 + 16));
    map.type = BPF_MAP_TYPE_LPM_TRIE;
    CHECK(map_bytes(map, 4) == 1000 * (80 + 2 * 8 + 16));
    map.type = BPF_MAP_TYPE_RINGBUF;
    map.max_entries = 1u << 20;
    CHECK(map_bytes(map, 4) == 1u << 20);
    map.type = BPF_MAP_TYPE_ARRAY;
    map.max_entries = UINT32_MAX;
    map.value_size = UINT32_MAX;
    CHECK(map_bytes(map, 128) > std::uint64_t{1} << 60); // and does not wrap
}

// PROMISES:
// P-7 take more memory for its maps
TEST_CASE("maps that take too much memory are refused, with the largest of them") {
    const Object object = test::parse_object("sample");
    CHECK_NOTHROW(require_map_memory({}, object, {}, preset_map_memory));
    const std::vector<MapShape> shapes{
        {.name = "FLOWS", .type = BPF_MAP_TYPE_PERCPU_HASH, .max_entries = 100'000'000}};
    try {
        require_map_memory({}, object, shapes, preset_map_memory);
        FAIL("allowed");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::rejected);
        const std::string text = error.what();
        CHECK(text.find("of which 'FLOWS' takes ") != std::string::npos);
        CHECK(text.find("at most 4096 MiB are allowed") != std::string::npos);
    }
}
