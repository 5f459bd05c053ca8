// SPDX-License-Identifier: BSD-2-Clause
// A probe and its parameters → programs and maps in the kernel, and the pins of a generation.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "decode/parameters.hpp"
#include "kernel/load_object.hpp"
#include "object/probe.hpp"
#include "policy/instructions.hpp"
#include "state/generation.hpp"
#include "state/store.hpp"

namespace dynmon {

// Where one program of the probe is to go.
struct ProgramPlan {
    Direction direction = Direction::ingress;
    const ProgramInfo* program = nullptr;
    HookId hook;
    Fd chain;                         // the hook's PROG_ARRAY; empty: `check --kernel`
    std::vector<std::uint32_t> slots; // one per side
    bool raw_ip = false;              // the device has no link-layer header
    bool frags = false;               // XDP: packets may lie in several buffers
    std::uint32_t mtu = 0;            // of the device; 0: unknown
};

using MapSide = std::pair<std::string, Side>;

struct GenerationPlan {
    const Probe* probe = nullptr;
    std::string monitor;
    std::uint32_t number = 1;
    std::vector<std::string> assignments; // --set name=value
    ClockSource clock = ClockSource::ktime;
    std::uint64_t most_instructions = preset_instructions; // for one packet
    std::uint64_t limit_ns = 0; // what a packet may cost on average; 0: anything
    Side initial_side = Side::a;
    std::string kernel_btf;
    std::vector<ProgramPlan> programs;
    std::map<MapSide, Fd> carried; // maps of the generation before, to go on with
};

// Everything of a generation, in the kernel and nowhere else: dropping it unloads it.
struct LoadedGeneration {
    GenerationRecord record;
    std::vector<std::byte> btf;
    std::vector<std::vector<Fd>> programs; // [record.programs][side]
    ProgramBounds bounds;                  // what they may run, as the verifier counts
    std::map<MapSide, Fd> maps;
};

// One side when no metric swaps, else two.
std::size_t side_count(const Manifest& manifest);

LoadedGeneration load_generation(const GenerationPlan& plan);
// Its record, but for the ids that the kernel gives the programs. Throws what is wrong with the
// probe before the kernel is asked.
GenerationRecord planned_record(const GenerationPlan& plan);

// Writes the base of the epoch clock into the generation's clock map, if it has one.
void refresh_clock(const Fd& clock_map, const MapFacts& facts, ClockSource source);

// Where in bpffs a map of a running monitor is.

// `name`: a map, or a metric, whose map it is then. For a swapped map the side that programs write
// now. Throws Error{usage} when the monitor has neither.
std::string map_pin(const Store& store, const std::string& monitor, const std::string& name);

} // namespace dynmon
