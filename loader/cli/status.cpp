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
#include "policy/rules.hpp"
#include "state/store.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

double ns_per_run(const Cost& cost) {
    return cost.runs == 0 ? 0 : static_cast<double>(cost.ns) / static_cast<double>(cost.runs);
}

// The kernel measures no more than that of a hook; for a program see add_worst().
void add_cost(ordered_json& document, const std::optional<Cost>& cost) {
    document["run-count"] = cost ? ordered_json(cost->runs) : ordered_json();
    document["ns-per-run"] = cost ? ordered_json(ns_per_run(*cost)) : ordered_json();
}

void add_worst(ordered_json& document, const std::optional<Cost>& cost) {
    document["worst-ns"] = cost && cost->worst ? ordered_json(*cost->worst) : ordered_json();
}

std::string cost_text(const std::optional<Cost>& cost) {
    if (!cost)
        return "  runs not measured: not written with dynmon.h";
    char text[64];
    std::snprintf(text, sizeof text, "  %llu runs, %.0f ns each",
                  static_cast<unsigned long long>(cost->runs), ns_per_run(*cost));
    return text + (cost->worst ? ", at worst " + std::to_string(*cost->worst) + " ns" : "");
}

ordered_json or_null(std::uint64_t number) {
    return number == 0 ? ordered_json() : ordered_json(number);
}

ordered_json taken_out_json(const std::optional<TakenOut>& out) {
    if (!out)
        return {};
    return {{"since", iso_time(out->since_ns)}, {"ns-per-packet", out->ns}};
}

// 0 says that it is in no chain.
template <typename Number>
ordered_json or_null(Number number) {
    return number == 0 ? ordered_json() : ordered_json(number);
}

ordered_json program_json(const ProgramStatus& program, bool stats) {
    ordered_json document{{"direction", to_string(program.direction)},
                          {"name", program.name},
                          {"hook", to_string(program.hook.point)},
                          {"ifindex", program.hook.ifindex},
                          {"netns", program.hook.netns},
                          {"id", or_null(program.id)},
                          {"position", or_null(program.position)},
                          {"limit-ns", or_null(program.limit_ns)},
                          {"taken-out", taken_out_json(program.taken_out)}};
    if (stats) {
        add_cost(document, program.cost);
        add_worst(document, program.cost);
    }
    return document;
}

ordered_json unfinished_json(const std::optional<UnfinishedWindow>& window) {
    return window ? ordered_json(window->sequence) : ordered_json();
}

// Not known where the record cannot be used.
ordered_json loaded_at(const MonitorStatus& monitor) {
    return monitor.loaded_ns == 0 ? ordered_json() : ordered_json(iso_time(monitor.loaded_ns));
}

ordered_json monitor_json(const MonitorStatus& monitor, bool stats) {
    ordered_json programs = ordered_json::array();
    for (const ProgramStatus& program : monitor.programs)
        programs.push_back(program_json(program, stats));
    ordered_json readers = ordered_json::array();
    for (const ReaderStatus& reader : monitor.readers)
        readers.push_back({{"name", reader.name},
                           {"waiting", reader.waiting},
                           {"lost", reader.lost},
                           {"last-read", iso_time(reader.read_ns)}});
    ordered_json maps = ordered_json::array();
    for (const MapStatus& map : monitor.maps)
        maps.push_back({{"name", map.name},
                        {"type", map.type},
                        {"entries", map.entries ? ordered_json(*map.entries) : ordered_json()},
                        {"max-entries", map.max_entries}});
    ordered_json may = ordered_json::array();
    for (const Power power : monitor.may)
        may.push_back(to_string(power));
    ordered_json document{{"name", monitor.name},
                          {"probe", monitor.probe},
                          {"health", monitor.health},
                          {"generation", monitor.generation},
                          {"loaded", loaded_at(monitor)},
                          {"windows", monitor.sequence},
                          {"unread-generations", monitor.unread_generations},
                          {"unfinished-window", unfinished_json(monitor.unfinished)},
                          {"readers", readers},
                          {"object", monitor.object},
                          {"sha256", monitor.sha256},
                          {"clock", monitor.clock},
                          {"parameters", monitor.parameters},
                          {"may", may},
                          {"programs", programs},
                          {"maps", maps}};
    if (!monitor.problem.empty())
        document["problem"] = monitor.problem;
    return document;
}

ordered_json hook_json(const HookStatus& hook, bool stats) {
    ordered_json document{{"hook", to_string(hook.id.point)},
                          {"device", hook.device},
                          {"ifindex", hook.id.ifindex},
                          {"netns", hook.id.netns},
                          {"netns-name", hook.netns},
                          {"mode", hook.mode},
                          {"health", to_string(hook.health)},
                          {"pivot-id", hook.pivot_id},
                          {"chain", hook.chain},
                          {"order", to_string(hook.order)},
                          {"in-front", neighbours_json(hook.in_front)}};
    if (stats)
        add_cost(document, hook.cost);
    if (!hook.problem.empty())
        document["problem"] = hook.problem;
    return document;
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
            ordered_json document{{"monitors", ordered_json::array()},
                                  {"hooks", ordered_json::array()}};
            for (const MonitorStatus& monitor : status.monitors)
                document["monitors"].push_back(monitor_json(monitor, stats));
            for (const HookStatus& hook : status.hooks)
                document["hooks"].push_back(hook_json(hook, stats));
            document["problems"] = problems_json(ailments);
            std::cout << json_text(document) << "\n";
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
