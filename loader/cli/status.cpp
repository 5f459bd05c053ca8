#include "monitor/status.hpp"

#include <cstdio>
#include <iostream>
#include <thread>

#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

double ns_per_run(const ProgramStatus& program) {
    return program.run_count == 0 ? 0
                                  : static_cast<double>(program.run_time_ns) /
                                        static_cast<double>(program.run_count);
}

ordered_json program_json(const ProgramStatus& program, bool stats) {
    ordered_json document{{"direction", to_string(program.direction)},
                          {"name", program.name},
                          {"hook", to_string(program.hook.point)},
                          {"ifindex", program.hook.ifindex},
                          {"netns", program.hook.netns},
                          {"id", program.id},
                          {"position", program.position}};
    if (stats) {
        document["run-count"] = program.run_count;
        document["ns-per-run"] = ns_per_run(program);
    }
    return document;
}

ordered_json monitor_json(const MonitorStatus& monitor, bool stats) {
    ordered_json programs = ordered_json::array();
    for (const ProgramStatus& program : monitor.programs)
        programs.push_back(program_json(program, stats));
    ordered_json maps = ordered_json::array();
    for (const MapStatus& map : monitor.maps)
        maps.push_back({{"name", map.name},
                        {"type", map.type},
                        {"entries", map.entries},
                        {"max-entries", map.max_entries}});
    ordered_json document{{"name", monitor.name},
                          {"probe", monitor.probe},
                          {"health", monitor.health},
                          {"generation", monitor.generation},
                          {"loaded", iso_time(monitor.loaded_ns)},
                          {"windows", monitor.sequence},
                          {"unread-generations", monitor.unread_generations},
                          {"object", monitor.object},
                          {"sha256", monitor.sha256},
                          {"clock", monitor.clock},
                          {"parameters", monitor.parameters},
                          {"programs", programs},
                          {"maps", maps}};
    if (!monitor.problem.empty())
        document["problem"] = monitor.problem;
    return document;
}

ordered_json hook_json(const HookStatus& hook) {
    ordered_json document{{"hook", to_string(hook.id.point)},
                          {"device", hook.device},
                          {"ifindex", hook.id.ifindex},
                          {"netns", hook.id.netns},
                          {"netns-name", hook.netns},
                          {"mode", hook.mode},
                          {"health", to_string(hook.health)},
                          {"pivot-id", hook.pivot_id},
                          {"chain", hook.chain}};
    if (!hook.problem.empty())
        document["problem"] = hook.problem;
    return document;
}

void print_monitor(const MonitorStatus& monitor, bool stats) {
    std::cout << monitor.name << "  " << monitor.probe << "  generation " << monitor.generation
              << "  " << monitor.health << "  since " << iso_time(monitor.loaded_ns) << "\n";
    if (!monitor.problem.empty())
        std::cout << "  problem: " << monitor.problem << "\n";
    if (monitor.unread_generations > 0)
        std::cout << "  " << monitor.unread_generations
                  << " replaced generation(s) with windows that nobody has read\n";
    for (const ProgramStatus& program : monitor.programs) {
        std::cout << "  " << to_string(program.direction) << "  " << program.name << "  id "
                  << program.id << "  position " << program.position;
        if (stats) {
            char text[64];
            std::snprintf(text, sizeof text, "  %llu runs, %.0f ns each",
                          static_cast<unsigned long long>(program.run_count), ns_per_run(program));
            std::cout << text;
        }
        std::cout << "\n";
    }
    for (const MapStatus& map : monitor.maps)
        std::cout << "  map " << map.name << "  " << map.type << "  " << map.entries << " of "
                  << map.max_entries << "\n";
}

void print_hook(const HookStatus& hook) {
    std::cout << "hook " << hook.device;
    if (!hook.netns.empty())
        std::cout << " in " << hook.netns;
    std::cout << "  " << to_string(hook.id.point) << "  " << hook.mode << "  "
              << to_string(hook.health) << "  chain:";
    for (const std::string& place : hook.chain)
        std::cout << " " << place;
    std::cout << (hook.chain.empty() ? " empty\n" : "\n");
    if (!hook.problem.empty())
        std::cout << "  problem: " << hook.problem << "\n";
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
        app.add_option("--stats", stats_, "count runs and time of every program for TIME "
                                          "(default 1s); costs some ns per packet meanwhile")
            ->expected(0, 1)
            ->default_str("1s")
            ->type_name("[TIME]");
        stats_option_ = app.get_option("--stats");
    }

    int run(const Global& global) override {
        const bool stats = stats_option_->count() > 0;
        Status status;
        if (stats) {
            const auto span = parse_duration(stats_.empty() ? "1s" : stats_, "--stats");
            const Fd counting = enable_run_stats();
            const Status before = read_status(global.settings, name_);
            std::this_thread::sleep_for(span);
            status = read_status(global.settings, name_);
            subtract(status, before);
        } else {
            status = read_status(global.settings, name_);
        }
        print(global, status, stats);
        return 0;
    }

private:
    // Only what ran while statistics were on; a program that was replaced meanwhile counts anew.
    static void subtract(Status& status, const Status& before) {
        for (MonitorStatus& monitor : status.monitors)
            for (const MonitorStatus& earlier : before.monitors) {
                if (earlier.name != monitor.name || earlier.generation != monitor.generation)
                    continue;
                for (std::size_t i = 0; i < monitor.programs.size(); ++i) {
                    monitor.programs[i].run_count -= earlier.programs[i].run_count;
                    monitor.programs[i].run_time_ns -= earlier.programs[i].run_time_ns;
                }
            }
    }

    static void print(const Global& global, const Status& status, bool stats) {
        if (global.json) {
            ordered_json document{{"monitors", ordered_json::array()},
                                  {"hooks", ordered_json::array()}};
            for (const MonitorStatus& monitor : status.monitors)
                document["monitors"].push_back(monitor_json(monitor, stats));
            for (const HookStatus& hook : status.hooks)
                document["hooks"].push_back(hook_json(hook));
            std::cout << document.dump() << "\n";
            return;
        }
        if (status.monitors.empty() && status.hooks.empty())
            std::cout << "nothing is loaded\n";
        for (const MonitorStatus& monitor : status.monitors)
            print_monitor(monitor, stats);
        for (const HookStatus& hook : status.hooks)
            print_hook(hook);
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
