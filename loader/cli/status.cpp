// SPDX-License-Identifier: BSD-2-Clause
#include "control/status.hpp"

#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/text.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/rounds.hpp"
#include "cli/verb.hpp"
#include "control/doctor.hpp"
#include "control/reports.hpp"
#include "policy/rules.hpp"
#include "state/store.hpp"

namespace dynmon {

namespace {

std::string cost_text(const std::optional<Cost>& cost) {
    if (!cost)
        return "  runs not measured: not written with dynmon.h";
    char text[64];
    std::snprintf(text, sizeof text, "  %llu runs, %.0f ns each",
                  static_cast<unsigned long long>(cost->runs), ns_per_run(*cost));
    return text + (cost->worst ? ", at worst " + std::to_string(*cost->worst) + " ns" : "");
}

void print_monitor(const MonitorStatus& monitor, bool stats) {
    std::cout << monitor.name << "  " << monitor.probe << "  generation " << monitor.generation
              << "  " << monitor.health
              << (monitor.loaded_ns == 0 ? "" : "  since " + iso_time(monitor.loaded_ns)) << "\n";
    if (monitor.unread_generations > 0)
        std::cout << "  " << monitor.unread_generations
                  << " replaced generation(s) with unread windows\n";
    if (monitor.unfinished)
        std::cout << "  " << describe(*monitor.unfinished)
                  << ": the next read hands it out again\n";
    for (const ReaderStatus& reader : monitor.readers)
        std::cout << "  reader " << reader.name << "  " << reader.waiting << " window(s) waiting  "
                  << reader.lost << " lost  last read " << iso_time(reader.read_ns) << "\n";
    for (const Power power : monitor.may)
        std::cout << "  may: " << words_of(power) << "\n";
    for (const ProgramStatus& program : monitor.programs) {
        std::cout << "  " << to_string(program.direction) << "  " << program.name << "  ";
        if (program.position == 0)
            std::cout << "in no chain";
        else
            std::cout << "id " << program.id << "  position " << program.position;
        std::cout << (stats ? cost_text(program.cost) : "") << "\n";
        if (program.taken_out)
            std::cout << "    taken out: " << limit_text(*program.taken_out, program.limit_ns)
                      << "\n";
    }
    for (const MapStatus& map : monitor.maps)
        std::cout << "  map " << map.name << "  " << map.type << "  "
                  << (map.entries ? std::to_string(*map.entries) : "some") << " of "
                  << map.max_entries << "\n";
}

void print_hook(const HookStatus& hook, bool stats) {
    std::cout << "hook " << hook.device;
    if (!hook.netns.empty())
        std::cout << " in " << hook.netns;
    std::cout << "  " << to_string(hook.id.point) << "  " << hook.mode << "  "
              << to_string(hook.health) << "  chain:";
    for (const std::string& place : hook.chain)
        std::cout << " " << place;
    std::cout << (hook.chain.empty() ? " empty" : "") << (stats ? cost_text(hook.cost) : "")
              << "\n";
    if (!hook.in_front)
        std::cout << "  in front: not known: " << hook.in_front_problem << "\n";
    else
        for (const Neighbour& neighbour : *hook.in_front)
            std::cout << "  in front: " << describe(neighbour) << "\n";
}

class StatusVerb : public Verb {
public:
    const char* name() const override { return "status"; }
    const char* summary() const override { return "show monitors, hooks and chains"; }
    const char* example() const override {
        return "sudo dynmon-load status\n"
               "  sudo dynmon-load status web --stats 2s";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", name_, "only this monitor");
        app.add_option("--stats", stats_,
                       "count runs and time of every program for TIME "
                       "(default 1s); costs some ns per packet meanwhile")
            ->expected(0, 1)
            ->default_str("1s")
            ->type_name("[TIME]");
        stats_option_ = app.get_option("--stats");
    }

    int run(const Global& global) override {
        become_store_user(global.settings.bpffs);
        const bool stats = stats_option_->count() > 0;
        const Status status = stats ? measure(global.settings) : look(global.settings);
        stay_reader(global.settings);
        const std::vector<SystemProblem> ailments = diagnose(status);
        print(global, status, ailments, stats);
        return exit_code(ailments);
    }

private:
    static void keep_what_is_needed(const Settings& settings) {
        if (has_hooks_elsewhere(settings))
            drop_rights({Right::sys_admin});
        else
            stay_reader(settings);
    }

    Status look(const Settings& settings) const {
        return read_status(settings, name_, [&] { keep_what_is_needed(settings); });
    }

    Status measure(const Settings& settings) const {
        return measure_status(settings, name_,
                              parse_duration(stats_.empty() ? "1s" : stats_, "--stats"),
                              [&] { keep_what_is_needed(settings); });
    }

    static void print(const Global& global, const Status& status,
                      const std::vector<SystemProblem>& ailments, bool stats) {
        if (global.json) {
            std::cout << json_text(status_json(status, ailments, stats)) << "\n";
            return;
        }
        if (status.monitors.empty() && status.hooks.empty())
            std::cout << "nothing is loaded\n";
        for (const MonitorStatus& monitor : status.monitors)
            print_monitor(monitor, stats);
        for (const HookStatus& hook : status.hooks)
            print_hook(hook, stats);
        for (const SystemProblem& ailment : ailments)
            if (ailment.ill)
                std::cout << "problem: " << ailment.problem << "\n  do: " << ailment.remedy << "\n";
    }

    std::string name_;
    std::string stats_;
    CLI::Option* stats_option_ = nullptr;
};

} // namespace

std::unique_ptr<Verb> make_status_verb() {
    return std::make_unique<StatusVerb>();
}

} // namespace dynmon
