// SPDX-License-Identifier: BSD-2-Clause
// What a probe without a manifest, or one that leaves something open, most likely means.
#include <algorithm>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/limits.hpp"
#include "object/probe.hpp"

namespace dynmon {

namespace {

bool says_egress(const ProgramInfo& program) {
    const auto holds = [](const std::string& text) {
        return text.find("egress") != std::string::npos;
    };
    return holds(program.name) || holds(program.section);
}

using Programs = std::vector<const ProgramInfo*>;

Programs of_type(const Object& object, bpf_prog_type type) {
    Programs found;
    for (const ProgramInfo& program : object.programs()) {
        if (program.type == type)
            found.push_back(&program);
    }
    return found;
}

// The TC programs for `direction`: those that say egress, or those that do not.
Programs tc_programs(const Object& object, Direction direction) {
    Programs found = of_type(object, BPF_PROG_TYPE_SCHED_CLS);
    std::erase_if(found, [&](const ProgramInfo* program) {
        return says_egress(*program) != (direction == Direction::egress);
    });
    return found;
}

std::string names(const Programs& programs) {
    std::string text;
    for (const ProgramInfo* program : programs)
        text += (text.empty() ? "'" : ", '") + program->name + "'";
    return text;
}

std::string only_name(const Programs& programs) {
    return programs.size() == 1 ? programs.front()->name : "";
}

std::vector<const MapInfo*> readable_maps(const Object& object) {
    std::vector<const MapInfo*> found;
    for (const MapInfo& map : object.maps())
        if (!map.global_data && map.name != chain_map_name && map.name != meter_map_name &&
            is_readable(map.type) && is_identifier(map.name))
            found.push_back(&map);
    return found;
}

// Of more maps than there can be metrics, those that the programs use come first.
std::vector<MetricConfig> metrics_of(const Object& object, std::size_t most) {
    std::vector<const MapInfo*> maps = readable_maps(object);
    if (maps.size() > most) {
        std::stable_partition(maps.begin(), maps.end(),
                              [](const MapInfo* map) { return map->used; });
        maps.resize(most);
    }
    std::vector<MetricConfig> metrics;
    for (const MapInfo* map : maps) {
        MetricConfig metric;
        metric.name = map->name;
        metric.map_name = map->name;
        metrics.push_back(std::move(metric));
    }
    return metrics;
}

const ProgramInfo& named_program(const Object& object, const std::string& name,
                                 bpf_prog_type type) {
    const ProgramInfo* program = object.program(name);
    if (program == nullptr) {
        std::vector<std::string> known;
        for (const ProgramInfo& other : object.programs())
            known.push_back(other.name);
        const std::string near = nearest_name(name, known);
        throw Error(ErrorKind::usage, "no program '" + name + "' in " + object.path())
            .hint(near.empty() ? "" : "did you mean '" + near + "'?");
    }
    if (program->type != type) {
        const bool xdp = type == BPF_PROG_TYPE_XDP;
        throw Error(ErrorKind::usage, "program '" + name + "' (section '" + program->section +
                                          "') is no " + (xdp ? "XDP" : "TC") + " program")
            .hint(xdp ? "its section must start with xdp"
                      : "its section must be tc or start with tcx/");
    }
    return *program;
}

const ProgramInfo& only_program(const Object& object, Direction direction, bool xdp) {
    const bpf_prog_type type = xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS;
    Programs fitting = of_type(object, type);
    if (!xdp && fitting.size() > 1)
        fitting = tc_programs(object, direction);
    if (fitting.size() == 1)
        return *fitting.front();
    const std::string kind = std::string(xdp ? "XDP" : "TC") + " program";
    const std::string which = std::string(to_string(direction)) + ": ";
    if (fitting.empty())
        throw Error(ErrorKind::usage, which + "no " + kind + " in " + object.path());
    throw Error(ErrorKind::usage,
                which + object.path() + " has more than one " + kind + ": " + names(fitting))
        .hint(std::string("choose one in the manifest with '") + (xdp ? "xdp-program" : "program") +
              "'");
}

} // namespace

Manifest derive_manifest(const Object& object, const std::string& name) {
    const Programs xdp = of_type(object, BPF_PROG_TYPE_XDP);
    const Programs ingress = tc_programs(object, Direction::ingress);
    const Programs egress = tc_programs(object, Direction::egress);
    Manifest manifest;
    manifest.name = require_identifier(name, "probe name");
    manifest.object = object.path().substr(object.path().rfind('/') + 1);
    manifest.hook = ingress.empty() && !xdp.empty() ? HookKind::xdp : HookKind::tc;
    const bool incoming = !ingress.empty() || !xdp.empty();
    const std::size_t most = limits::metrics / (incoming && !egress.empty() ? 2 : 1);
    if (incoming) {
        PathConfig path;
        path.program = only_name(ingress);
        path.xdp_program = only_name(xdp);
        path.metrics = metrics_of(object, most);
        manifest.paths.push_back(std::move(path));
    }
    if (!egress.empty()) {
        PathConfig path;
        path.direction = Direction::egress;
        path.program = only_name(egress);
        path.metrics = metrics_of(object, most);
        manifest.paths.push_back(std::move(path));
    }
    if (manifest.paths.empty())
        throw Error(ErrorKind::usage, object.path() + " has no XDP and no TC program")
            .hint("sections are tc, tcx/ingress, tcx/egress and xdp");
    return manifest;
}

const ProgramInfo& select_program(const Manifest& manifest, const Object& object,
                                  Direction direction, HookKind kind) {
    const PathConfig* path = manifest.path(direction);
    if (path == nullptr)
        throw Error(ErrorKind::usage,
                    "probe '" + manifest.name + "' has no " + to_string(direction) + "-path");
    const bool xdp = direction == Direction::ingress && kind == HookKind::xdp;
    const std::string& name = xdp ? path->xdp_program : path->program;
    if (!name.empty())
        return named_program(object, name, xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS);
    return only_program(object, direction, xdp);
}

} // namespace dynmon
