// SPDX-License-Identifier: BSD-2-Clause
#include "control/doctor.hpp"

#include <algorithm>
#include <cstring>
#include <iomanip>
#include <iostream>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/reports.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

void line(const std::string& name, const std::string& value, const std::string& remark = "") {
    std::cout << "  " << std::left << std::setw(26) << name << " " << value
              << (remark.empty() ? "" : "   ") << remark << "\n";
}

std::string text_of(const ordered_json& value) {
    if (value.is_null())
        return "unknown";
    return value.is_string() ? value.get<std::string>() : json_text(value);
}

void print_features(const SystemReport& found) {
    std::cout << "features\n";
    for (const FoundFeature& entry : found.features) {
        const char* answer = entry.support == Support::yes  ? "yes"
                             : entry.support == Support::no ? "no "
                                                            : "?  ";
        line(entry.feature->name, answer, entry.feature->semantic);
    }
}

void print_environment(const SystemReport& found) {
    const ordered_json environment = environment_json(found);
    std::cout << "environment\n";
    for (const KnownRight& known : known_rights())
        line(known.name, found.process.has(static_cast<int>(known.right)) ? "yes" : "no ",
             known.what_for);
    for (const char* name :
         {"user", "seccomp", "unprivileged-bpf-disabled", "lockdown", "jit", "memlock", "fence"})
        line(name, text_of(environment[name]));
    const int landlock = found.restrictions.landlock;
    line("landlock", landlock == 0 ? "none" : std::to_string(landlock),
         landlock < 2 ? "readers that root runs are not kept from its files" : "");
    const BpffsFacts& bpffs = found.bpffs;
    line("bpffs", bpffs.path,
         bpffs.mounted ? "mode " + text_of(environment["bpffs"]["mode"]) + ", user " +
                             std::to_string(bpffs.owner)
                       : "not mounted");
}

// ", behind program x (id 12) on tcx"
std::string front_text(const HookStatus& hook) {
    std::string text;
    for (const Neighbour& neighbour : hook.in_front.value_or(std::vector<Neighbour>{}))
        text += (text.empty() ? ", behind " : " and ") + describe(neighbour);
    return text;
}

void print_store(const StoreFindings& store) {
    std::cout << "store\n";
    line(store.path, store_word(store.state));
    for (const MonitorStatus& monitor : store.contents.monitors)
        line("monitor " + monitor.name, monitor.health,
             monitor.unread_generations == 0
                 ? ""
                 : std::to_string(monitor.unread_generations) + " generation(s) not read yet");
    for (const HookStatus& hook : store.contents.hooks)
        line("hook " + hook.device, to_string(hook.id.point),
             std::string(to_string(hook.health)) + ", " + std::to_string(hook.chain.size()) +
                 " program(s)" + front_text(hook));
    for (const std::string& name : store.staged)
        line("staged", name);
}

void print_examination(const SystemReport& found) {
    std::cout << "kernel\n";
    line("release", found.kernel.release, found.kernel.machine);
    line("cpus", std::to_string(found.kernel.online_cpus) + " online",
         std::to_string(found.kernel.possible_cpus) + " possible");
    print_features(found);
    print_environment(found);
    print_store(found.store);
    std::cout << "problems\n";
    if (found.ailments.empty())
        std::cout << "  none\n";
    for (const SystemProblem& ailment : found.ailments)
        std::cout << "  " << ailment.problem << "\n    do: " << ailment.remedy << "\n";
}

class DoctorVerb : public Verb {
public:
    const char* name() const override { return "doctor"; }
    const char* summary() const override {
        return "say what this kernel can do and what is wrong here; changes nothing";
    }
    const char* example() const override {
        return "sudo dynmon-load doctor\n"
               "  sudo dynmon-load doctor --json | jq .features";
    }
    void declare(CLI::App&) override {}

    int run(const Global& global) override {
        const SystemReport found = examine(global.settings);
        if (global.json)
            print_result(global, examination_json(found), "");
        else
            print_examination(found);
        return exit_code(found.ailments);
    }
};

} // namespace

std::unique_ptr<Verb> make_doctor_verb() {
    return std::make_unique<DoctorVerb>();
}

} // namespace dynmon
