// SPDX-License-Identifier: BSD-2-Clause
#include "policy/rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/map_type.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"
#include "policy/behaviour.hpp"

namespace dynmon {

void add_effect(Effects& effects, Effect effect) {
    if (std::find(effects.begin(), effects.end(), effect) == effects.end())
        effects.push_back(std::move(effect));
}

const char* words_of(Power power) {
    switch (power) {
    case Power::drop:
        return "decides over packets";
    case Power::write_packets:
        return "writes packets";
    case Power::redirect:
        return "sends packets elsewhere";
    case Power::read_kernel:
        return "reads the kernel's memory";
    case Power::timers:
        return "runs timers";
    case Power::loops:
        return "loops beyond what the verifier unrolls";
    }
    return "";
}

std::string to_string(const Effect& effect) {
    const std::string words = effect.power ? std::string(words_of(*effect.power)) + ": " : "";
    return words + effect.what + " in " + effect.place;
}

namespace {

// By number, because older headers do not name them all.
constexpr std::array<MapType, 24> harmless_maps = {
    1,  // hash
    2,  // array
    4,  // perf_event_array
    5,  // percpu_hash
    6,  // percpu_array
    7,  // stack_trace
    8,  // cgroup_array
    9,  // lru_hash
    10, // lru_percpu_hash
    11, // lpm_trie
    12, // array_of_maps
    13, // hash_of_maps
    19, // cgroup_storage
    21, // percpu_cgroup_storage
    22, // queue
    23, // stack
    24, // sk_storage
    27, // ringbuf
    28, // inode_storage
    29, // task_storage
    30, // bloom_filter
    31, // user_ringbuf
    32, // cgrp_storage
    rhash_type,
};
constexpr std::array<MapType, 4> redirecting_maps = {
    14, // devmap
    16, // cpumap
    17, // xskmap
    25, // devmap_hash
};

template <typename List>
bool holds(const List& list, MapType type) {
    return std::find(list.begin(), list.end(), type) != list.end();
}

std::string quoted(const std::string& kind, const std::string& name) {
    return kind + " '" + name + "'";
}

std::string hint_for(const Effect& effect) {
    if (!effect.power)
        return "leave it out: no manifest can allow it";
    const std::string word = to_string(*effect.power);
    if (*effect.power != Power::drop)
        return "say `may: [" + word + "]` in the manifest if it is to";
    return "`return DYNMON_PASS` with dynmon.h, TC_ACT_UNSPEC (-1) or XDP_PASS without; or say "
           "`verdict: drop` in the manifest if it is to decide over packets";
}

} // namespace

Problems map_problems(const Manifest& manifest, const Object& object) {
    Problems problems;
    std::vector<MapInfo> maps = object.maps();
    maps.insert(maps.end(), object.templates().begin(), object.templates().end());
    for (const MapInfo& map : maps) {
        const std::string name = quoted("map", map.name);
        if (map.name == chain_map_name && map.type != BPF_MAP_TYPE_PROG_ARRAY)
            problems.push_back({name + " is the hook's, which is a prog_array, and not a " +
                                    map_type_name(map.type),
                                "call it something else, or take the definition of dynmon.h"});
        if (holds(harmless_maps, map.type))
            continue;
        if (map.type == BPF_MAP_TYPE_PROG_ARRAY && map.name == chain_map_name)
            continue;
        if (map.type == BPF_MAP_TYPE_PROG_ARRAY)
            problems.push_back({name + " calls programs that dynmon has not checked (prog_array)",
                                "the only one that a probe may have is dynmon_chain"});
        else if (!holds(redirecting_maps, map.type))
            problems.push_back(
                {name + " is of a kind that no probe may have: " + map_type_name(map.type),
                 "leave it out: no manifest can allow it"});
        else if (!manifest.may.contains(Power::redirect))
            problems.push_back({name + " sends packets elsewhere (" + map_type_name(map.type) +
                                    "), which its manifest does not allow",
                                hint_for({.power = Power::redirect, .what = "", .place = ""})});
    }
    return problems;
}

Problems effect_problems(const Manifest& manifest, const ProgramInfo& program,
                         const Effects& effects) {
    Problems problems;
    for (const Effect& effect : effects) {
        const std::string does = quoted("program", program.name) + " does: " + to_string(effect);
        if (!effect.power)
            problems.push_back({"no probe may do what " + does, hint_for(effect)});
        else if (!manifest.may.contains(*effect.power))
            problems.push_back({"the manifest does not allow what " + does, hint_for(effect)});
    }
    return problems;
}

void require_policy(const Manifest& manifest, const Object& object, const ProgramInfo& program) {
    Problems problems = map_problems(manifest, object);
    const Effects effects = behaviour_of(object, program, manifest.may_drop());
    for (Problem& problem : effect_problems(manifest, program, effects))
        problems.push_back(std::move(problem));
    if (!problems.empty())
        throw Error(ErrorKind::rejected, problems.front().message).hint(problems.front().hint);
}

} // namespace dynmon
