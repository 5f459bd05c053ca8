// SPDX-License-Identifier: BSD-2-Clause
#include "control/doctor.hpp"

#include <algorithm>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

template <typename Value>
ordered_json or_null(const std::optional<Value>& value) {
    return value ? ordered_json(*value) : ordered_json();
}

std::string octal(std::uint32_t mode) {
    char text[16];
    std::snprintf(text, sizeof text, "%04o", mode);
    return text;
}

const char* to_string(StoreState state) {
    switch (state) {
    case StoreState::absent:
        return "absent";
    case StoreState::ours:
        return "ours";
    case StoreState::refused:
        return "refused";
    }
    return "refused";
}

ordered_json memlock_json(const std::optional<std::uint64_t>& limit) {
    if (limit == std::numeric_limits<std::uint64_t>::max())
        return "unlimited";
    return or_null(limit);
}

ordered_json features_json(const SystemReport& found) {
    ordered_json features = ordered_json::object();
    for (const FoundFeature& entry : found.features)
        features[entry.feature->name] = entry.support == Support::unknown
                                            ? ordered_json()
                                            : ordered_json(entry.support == Support::yes);
    return features;
}

ordered_json environment_json(const SystemReport& found) {
    ordered_json capabilities = ordered_json::object();
    for (const KnownRight& known : known_rights())
        capabilities[known.name] = found.process.has(static_cast<int>(known.right));
    const BpffsFacts& bpffs = found.bpffs;
    ordered_json place{{"path", bpffs.path},
                       {"mounted", bpffs.mounted},
                       {"mode", bpffs.mounted ? ordered_json(octal(bpffs.mode)) : ordered_json()},
                       {"owner", bpffs.mounted ? ordered_json(bpffs.owner) : ordered_json()}};
    return {{"user", found.process.user},
            {"capabilities", capabilities},
            {"seccomp", or_null(found.process.seccomp)},
            {"unprivileged-bpf-disabled", or_null(found.restrictions.unprivileged_bpf_disabled)},
            {"lockdown", or_null(found.restrictions.lockdown)},
            {"jit", or_null(found.restrictions.jit)},
            {"landlock", found.restrictions.landlock},
            {"memlock", memlock_json(found.restrictions.memlock)},
            {"fence", found.fence_is_membarrier ? "membarrier" : "map-of-maps"},
            {"bpffs", place}};
}

ordered_json store_json(const StoreFindings& store) {
    ordered_json monitors = ordered_json::array();
    for (const MonitorStatus& monitor : store.contents.monitors)
        monitors.push_back({{"name", monitor.name},
                            {"health", monitor.health},
                            {"generation", monitor.generation},
                            {"unread-generations", monitor.unread_generations}});
    ordered_json hooks = ordered_json::array();
    for (const HookStatus& hook : store.contents.hooks)
        hooks.push_back({{"hook", to_string(hook.id.point)},
                         {"device", hook.device},
                         {"netns-name", hook.netns},
                         {"health", to_string(hook.health)},
                         {"programs", hook.chain.size()},
                         {"in-front", neighbours_json(hook.in_front)}});
    return {{"path", store.path},
            {"state", to_string(store.state)},
            {"monitors", monitors},
            {"hooks", hooks},
            {"staged", store.staged}};
}

ordered_json examination_json(const SystemReport& found) {
    return {{"kernel",
             {{"release", found.kernel.release},
              {"machine", found.kernel.machine},
              {"possible-cpus", found.kernel.possible_cpus},
              {"online-cpus", found.kernel.online_cpus}}},
            {"features", features_json(found)},
            {"environment", environment_json(found)},
            {"store", store_json(found.store)},
            {"problems", problems_json(found.ailments)}};
}

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
         bpffs.mounted ? "mode " + octal(bpffs.mode) + ", user " + std::to_string(bpffs.owner)
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
    line(store.path, to_string(store.state));
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
