// SPDX-License-Identifier: BSD-2-Clause
#include "control/load.hpp"

#include "cli/dry_run.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/reports.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon {

namespace {

class LoadVerb : public Verb {
public:
    const char* name() const override { return "load"; }
    const char* summary() const override { return "put a probe on an interface"; }
    const char* example() const override {
        return "sudo dynmon-load load web flows --dev eth0\n"
               "  sudo dynmon-load load edge ./my-probe --dev v0 --netns blue --hook xdp --set "
               "sample=10 --limit 2us";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", name_, "name of the monitor")->required();
        options_.declare(app);
        options_.declare_limit(app);
        place_.declare(app);
        dry_run_.declare(app);
    }

    int run(const Global& global) override {
        const Settings settings = dry_run_.settings(global.settings);
        const Probe probe = open_checked_probe(options_.probe, settings.allowed());
        const GenerationRecord record = with_verifier_log(options_.verifier_log, [&] {
            return during("load '" + name_ + "'", [&] {
                return load_monitor(settings, probe, place_.request(name_, options_));
            });
        });
        if (dry_run_)
            return dry_run_.print(global);
        print_result(global, placed_json(global.settings, record),
                     "loaded " + name_ + " (" + record.manifest.name + ") on " +
                         places_text(global, record));
        return 0;
    }

private:
    std::string name_;
    ProbeOptions options_;
    DryRunOption dry_run_;
    PlaceOptions place_;
};

} // namespace

std::unique_ptr<Verb> make_load_verb() {
    return std::make_unique<LoadVerb>();
}

} // namespace dynmon
