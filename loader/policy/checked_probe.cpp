// SPDX-License-Identifier: BSD-2-Clause
#include "policy/checked_probe.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "btf/layout.hpp"
#include "decode/map_shapes.hpp"
#include "decode/parameters.hpp"
#include "policy/behaviour.hpp"
#include "policy/helpers.hpp"
#include "policy/memory.hpp"
#include "policy/rules.hpp"

namespace dynmon {

namespace {

void note_unasked(const PathConfig& path, const ProgramInfo& program,
                  const std::vector<UnaskedLookup>& lookups, CheckedProbe& checked) {
    for (const UnaskedLookup& lookup : lookups) {
        const std::string text = "program '" + program.name + "' uses what it looked up" +
                                 (lookup.map.empty() ? "" : " in '" + lookup.map + "'") +
                                 " without a check for NULL, in " + lookup.place;
        if (lookup.array)
            checked.notes.push_back(text + ": kernels before 6.14 refuse that");
        else
            checked.diagnostics.push_back(
                {path.at, text, "`if (!value) return DYNMON_PASS;` before it is used"});
    }
}

// A program of DYNMON_INGRESS takes every packet for an incoming one.
void note_direction(const PathConfig& path, const ProgramInfo& program, CheckedProbe& checked) {
    const std::string_view section = program.section;
    const bool egress = path.direction == Direction::egress;
    const std::string twin = program.name + "_xdp";
    std::string why;
    if (section.starts_with(egress ? "tcx/ingress" : "tcx/egress"))
        why = "its section is '" + program.section + "'";
    else if (egress && checked.probe->object.program(twin) != nullptr)
        why = "DYNMON_INGRESS made it, with '" + twin + "' for XDP";
    if (!why.empty())
        checked.notes.push_back("program '" + program.name + "' is used for " +
                                to_string(path.direction) + ", but is one for " +
                                (egress ? "ingress" : "egress") + ": " + why);
}

void check_program(const PathConfig& path, const ProgramInfo& program, CheckedProbe& checked) {
    const Probe& probe = *checked.probe;
    std::vector<UnaskedLookup> unasked;
    Effects effects = behaviour_of(probe.object, program, probe.manifest.may_drop(), unasked);
    for (Problem& problem : effect_problems(probe.manifest, program, effects))
        checked.diagnostics.push_back(
            {path.at, std::move(problem.message), std::move(problem.hint)});
    checked.behaviours.push_back({program.name, std::move(effects)});
    note_unasked(path, program, unasked, checked);
    note_direction(path, program, checked);
    const std::string misaligned = alignment_problem(probe.object, program);
    if (!misaligned.empty())
        checked.diagnostics.push_back({path.at, misaligned, alignment_hint});
}

// Each program that a hook of the probe would run.
template <typename Body>
void each_selected(const Probe& probe, Body&& body) {
    for (const PathConfig& path : probe.manifest.paths) {
        for (const HookKind kind : {HookKind::tc, HookKind::xdp}) {
            if (kind == HookKind::xdp && path.direction == Direction::egress)
                continue;
            const ProgramInfo* program = nullptr;
            try {
                program = &select_program(probe.manifest, probe.object, path.direction, kind);
            } catch (const Error&) {
                continue; // the probe has no program for that hook: not every probe is for both
            }
            body(path, *program);
        }
    }
}

std::size_t metric_count(const Manifest& manifest) {
    std::size_t count = 0;
    for (const PathConfig& path : manifest.paths)
        count += path.metrics.size();
    return count;
}

std::vector<std::string> notes_on(const Probe& probe) {
    std::vector<std::string> notes;
    if (probe.manifest_path.empty() && probe.object.maps().size() > limits::metrics)
        notes.push_back(
            "of its " + std::to_string(probe.object.maps().size()) + " maps " +
            std::to_string(metric_count(probe.manifest)) +
            " are metrics, those that programs use first; `dump MONITOR/MAP` prints the "
            "others, and a manifest chooses");
    for (const MapInfo& map : probe.object.maps())
        if (map.pinned_by_name)
            notes.push_back(
                "map '" + map.name +
                "' asks to be pinned by its name (LIBBPF_PIN_BY_NAME), which dynmon does "
                "not do: it belongs to the monitor, and no other program shares it");
    return notes;
}

void check_selected(CheckedProbe& checked) {
    const Probe& probe = *checked.probe;
    for (Problem& problem : map_problems(probe.manifest, probe.object))
        checked.diagnostics.push_back({{}, std::move(problem.message), std::move(problem.hint)});
    each_selected(probe, [&](const PathConfig& path, const ProgramInfo& program) {
        check_program(path, program, checked);
    });
}

} // namespace

CheckedProbe check_files(const std::string& probe, Purpose purpose, const AllowLists& allowed) {
    const FoundProbe found = find_probe(probe, purpose);
    CheckedProbe checked{.path = found.path};
    if (is_object_file(checked.path)) {
        checked.probe = open_bare_object(found, allowed);
    } else {
        ManifestText read = read_manifest_text(found);
        ParsedManifest parsed = parse_manifest(read.text);
        checked.diagnostics = std::move(parsed.diagnostics);
        if (!checked.diagnostics.empty())
            return checked; // what a half-understood manifest says of the object is noise
        checked.probe =
            open_object_of(found, std::move(parsed.manifest), std::move(read.sha256), allowed);
    }
    require_permitted(checked.probe->object);
    checked.notes = notes_on(*checked.probe);
    checked.diagnostics = check_probe(checked.probe->manifest, checked.probe->object);
    if (checked.diagnostics.empty())
        check_selected(checked);
    return checked;
}

Probe open_checked_probe(const std::string& probe, const AllowLists& allowed) {
    CheckedProbe checked = check_files(probe, Purpose::load, allowed);
    for (const std::string& note : checked.notes)
        log::warn(note);
    if (checked.diagnostics.empty())
        return std::move(*checked.probe);
    const Diagnostic& first = checked.diagnostics.front();
    std::string text = place_text(checked.path, first.at) + ": " + first.message;
    if (const std::size_t more = checked.diagnostics.size() - 1; more > 0)
        text += " (and " + std::to_string(more) + " more: `dynmon-load check` shows them)";
    throw Error(ErrorKind::usage, text).hint(first.hint);
}

Probe open_installed_probe(const std::string& name, const AllowLists& allowed) {
    find_installed_probe(name);
    return open_checked_probe(name, allowed);
}

ProgramBounds require_machine_policy(const MachinePolicies& policies, const Probe& probe,
                                     const std::vector<std::string>& assignments) {
    require_allowed_powers(policies, probe.manifest);
    const std::vector<GlobalValue> parameters =
        resolve_parameters(probe.manifest, probe.object, assignments);
    const std::vector<MapShape> shapes = resolve_maps(probe.manifest, probe.object, parameters);
    require_map_memory(probe.manifest, probe.object, shapes, map_memory_limit(policies));
    ProgramBounds bounds;
    each_selected(probe, [&](const PathConfig&, const ProgramInfo& program) {
        const Instructions instructions(probe.object, program, probe.manifest.may_drop());
        bounds.push_back({program.name, instructions.at_most(shapes, std::nullopt)});
        require_instructions(program.name, bounds.back().bound, instruction_limit(policies));
    });
    return bounds;
}

} // namespace dynmon
