// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/load.hpp"
#include "decode/parameters.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

class CheckVerb : public Verb {
public:
    const char* name() const override { return "check"; }
    const char* summary() const override {
        return "say whether a probe is well made, without root and without loading it";
    }
    const char* example() const override {
        return "dynmon-load check flows\n"
               "  sudo dynmon-load check --kernel --verifier-log log.txt ./my-probe";
    }

    void declare(CLI::App& app) override {
        options_.declare(app);
        app.add_flag("--kernel", kernel_,
                     "also put it through this kernel's verifier (root); "
                     "nothing is attached");
        app.add_option("--hook", hook_, "the hook to check for; default: what the probe says")
            ->check(CLI::IsMember({"xdp", "tc"}));
    }

    int run(const Global& global) override {
        const CheckedProbe checked =
            check_files(options_.probe, kernel_ ? Purpose::load : Purpose::look);
        ordered_json document{
            {"probe", options_.probe}, {"file", checked.path}, {"problems", ordered_json::array()}};
        const AllowLists lists = global.settings.allowed();
        if (checked.probe) {
            const Object& object = checked.probe->object;
            document["object"] = object.path();
            document["sha256"] = object.sha256();
            if (!checked.probe->manifest_sha256.empty())
                document["manifest-sha256"] = checked.probe->manifest_sha256;
            const Candidate candidate = candidate_of(*checked.probe);
            document["allowed"] =
                std::all_of(lists.begin(), lists.end(),
                            [&](const AllowList& list) { return list.allows(candidate); });
        }
        for (const Diagnostic& problem : checked.diagnostics)
            document["problems"].push_back({{"line", problem.at.line},
                                            {"column", problem.at.column},
                                            {"message", problem.message},
                                            {"hint", problem.hint}});
        document["may"] = ordered_json::array();
        for (const Behaviour& behaviour : checked.behaviours)
            for (const Effect& effect : behaviour.effects)
                document["may"].push_back(effect_json(behaviour.program, effect));
        document["notes"] = checked.notes;
        const std::vector<std::string> open = not_tried(checked);
        document["not-tried"] = open;
        document["ok"] = checked.diagnostics.empty();
        if (!checked.diagnostics.empty()) {
            print_problems(global, document, checked);
            return static_cast<int>(ErrorKind::usage);
        }
        resolve_parameters(checked.probe->manifest, checked.probe->object, options_.assignments);
        const MachinePolicies policies = global.settings.policies();
        ProgramBounds bounds =
            require_machine_policy(policies, *checked.probe, options_.assignments);
        if (kernel_) {
            require_allowed(lists, candidate_of(*checked.probe));
            with_verifier_log(options_.verifier_log,
                              [&] { take_over(bounds, verify(*checked.probe, policies)); });
        }
        document["instructions"] = ordered_json::array();
        for (const ProgramBound& program : bounds)
            document["instructions"].push_back(bound_json(program));
        print_result(global, document,
                     options_.probe + ": good" + (kernel_ ? ", and this kernel accepts it" : "") +
                         what_it_may(checked) + how_long(bounds) + notes_on(checked) +
                         what_is_open(open));
        return 0;
    }

private:
    static ordered_json effect_json(const std::string& program, const Effect& effect) {
        return {{"program", program},
                {"power", effect.power ? ordered_json(to_string(*effect.power)) : nullptr},
                {"what", effect.what},
                {"place", effect.place}};
    }

    static ordered_json bound_json(const ProgramBound& program) {
        return {{"program", program.program},
                {"at-most", program.bound.number},
                {"plain-loops", program.bound.unrolled ? "counted once" : "counted"}};
    }

    // The kernel knows better of the programs that it has seen.
    static void take_over(ProgramBounds& bounds, const ProgramBounds& verified) {
        for (ProgramBound& program : bounds)
            for (const ProgramBound& better : verified)
                if (better.program == program.program)
                    program.bound = better.bound;
    }

    static std::string how_long(const ProgramBounds& bounds) {
        std::string lines;
        for (const ProgramBound& program : bounds)
            lines += "\n  " + program.program + " runs " + to_string(program.bound);
        return lines;
    }

    // A line for each thing that it does beyond looking.
    static std::string what_it_may(const CheckedProbe& checked) {
        std::string lines;
        for (const Behaviour& behaviour : checked.behaviours)
            for (const Effect& effect : behaviour.effects)
                lines += "\n  " + behaviour.program + " " + to_string(effect);
        return lines;
    }

    static std::string notes_on(const CheckedProbe& checked) {
        std::string lines;
        for (const std::string& note : checked.notes)
            lines += "\n  note: " + note;
        return lines;
    }

    // What this check did not look at, each with what does.
    std::vector<std::string> not_tried(const CheckedProbe& checked) const {
        std::vector<std::string> open;
        if (!kernel_)
            open.push_back("whether this kernel's verifier accepts it: --kernel asks");
        else if (checked.probe && checked.probe->manifest.hook != HookKind::xdp && hook_.empty())
            open.push_back("whether it is accepted for XDP: --kernel --hook xdp asks");
        open.push_back(
            "whether keys and values have the types of their maps: dynmon_lookup_or_init() "
            "and its kin compare them as they are compiled, the kernel's helpers do not");
        return open;
    }

    static std::string what_is_open(const std::vector<std::string>& open) {
        std::string lines;
        for (const std::string& what : open)
            lines += "\n  not tried: " + what;
        return lines;
    }

    ProgramBounds verify(const Probe& probe, const MachinePolicies& policies) const {
        HookKind hook = probe.manifest.hook;
        if (!hook_.empty())
            hook = hook_ == "xdp" ? HookKind::xdp : HookKind::tc;
        return verify_probe(probe, hook, options_.assignments, options_.kernel_btf,
                            instruction_limit(policies));
    }

    static void print_problems(const Global& global, const ordered_json& document,
                               const CheckedProbe& checked) {
        if (global.json) {
            std::cout << json_text(document) << "\n";
            return;
        }
        for (const Diagnostic& problem : checked.diagnostics) {
            std::cerr << printable_line(place_text(checked.path, problem.at)) << ": "
                      << printable_message(problem.message) << "\n";
            if (!problem.hint.empty())
                std::cerr << "  hint: " << printable_message(problem.hint) << "\n";
        }
    }

    ProbeOptions options_;
    bool kernel_ = false;
    std::string hook_;
};

} // namespace

std::unique_ptr<Verb> make_check_verb() {
    return std::make_unique<CheckVerb>();
}

} // namespace dynmon
