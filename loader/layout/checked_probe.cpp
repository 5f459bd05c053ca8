#include "layout/checked_probe.hpp"

#include "base/error.hpp"
#include "layout/alignment.hpp"
#include "object/policy.hpp"
#include "object/verdict.hpp"

namespace dynmon {

namespace {

// Of each program that a hook of the probe would run.
void check_selected(const Probe& probe, std::vector<Diagnostic>& diagnostics) {
    for (const PathConfig& path : probe.manifest.paths) {
        for (const HookKind kind : {HookKind::tc, HookKind::xdp}) {
            if (kind == HookKind::xdp && path.direction == Direction::egress)
                continue;
            try {
                const ProgramInfo& program =
                    select_program(probe.manifest, probe.object, path.direction, kind);
                const std::string problem = verdict_problem(probe.manifest, program);
                if (!problem.empty())
                    diagnostics.push_back({path.at, problem, verdict_hint});
                const std::string misaligned = alignment_problem(probe.object, program);
                if (!misaligned.empty())
                    diagnostics.push_back({path.at, misaligned, alignment_hint});
            } catch (const Error&) {
                // the probe has no program for that hook: not every probe is for both
            }
        }
    }
}

} // namespace

CheckedProbe check_files(const std::string& probe, const AllowLists& allowed) {
    CheckedProbe checked{.path = find_probe(probe)};
    if (checked.path.ends_with(".o")) {
        checked.probe = open_bare_object(checked.path, allowed);
    } else {
        ParsedManifest parsed = parse_manifest(read_manifest_text(checked.path));
        checked.diagnostics = std::move(parsed.diagnostics);
        if (!checked.diagnostics.empty())
            return checked; // what a half-understood manifest says of the object is noise
        Object object = open_object_of(checked.path, parsed.manifest, allowed);
        checked.probe = Probe{std::move(parsed.manifest), std::move(object), checked.path};
    }
    require_permitted(checked.probe->object);
    checked.diagnostics = check_probe(checked.probe->manifest, checked.probe->object);
    if (checked.diagnostics.empty())
        check_selected(*checked.probe, checked.diagnostics);
    return checked;
}

Probe open_checked_probe(const std::string& probe, const AllowLists& allowed) {
    CheckedProbe checked = check_files(probe, allowed);
    if (checked.diagnostics.empty())
        return std::move(*checked.probe);
    const Diagnostic& first = checked.diagnostics.front();
    std::string text = place_text(checked.path, first.at) + ": " + first.message;
    if (const std::size_t more = checked.diagnostics.size() - 1; more > 0)
        text += " (and " + std::to_string(more) + " more: `dynmon-load check` shows them)";
    throw Error(ErrorKind::usage, text).hint(first.hint);
}

std::string place_text(const std::string& file, const Position& at) {
    if (at.line == 0)
        return file;
    return file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

} // namespace dynmon
