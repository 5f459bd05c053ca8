// SPDX-License-Identifier: BSD-2-Clause
#include "cli/dry_run.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/load.hpp"
#include "control/reports.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon {

namespace {

class ReplaceVerb : public Verb {
public:
    const char* name() const override { return "replace"; }
    const char* summary() const override {
        return "exchange the probe of a running monitor, in one step";
    }
    const char* example() const override {
        return "sudo dynmon-load replace web ./flows-v2 --keep-maps";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", name_, "name of the monitor")->required();
        options_.declare(app);
        options_.declare_limit(app);
        keep_.declare(app);
        dry_run_.declare(app);
    }

    int run(const Global& global) override {
        const Settings settings = dry_run_.settings(global.settings);
        const Probe probe = open_checked_probe(options_.probe, settings.allowed());
        const ReplaceReport report = with_verifier_log(options_.verifier_log, [&] {
            return during("replace '" + name_ + "'", [&] {
                return replace_monitor(settings, probe,
                                       {.name = name_,
                                        .keep_maps = keep_.keep(),
                                        .clock = options_.clock_source(),
                                        .limit_ns = options_.limit_ns(),
                                        .assignments = options_.assignments,
                                        .kernel_btf = options_.kernel_btf});
            });
        });
        if (dry_run_)
            return dry_run_.print(global);
        nlohmann::ordered_json document = placed_json(global.settings, report.record);
        document["carried-maps"] = report.carried;
        document["unread-window"] = report.unread;
        print_result(global, document, sentence(report));
        return 0;
    }

private:
    std::string sentence(const ReplaceReport& report) const {
        const std::string text =
            "replaced " + name_ + ": generation " + std::to_string(report.record.number) + " runs";
        return text + what_went_on(report.carried, report.unread);
    }

    std::string name_;
    ProbeOptions options_;
    DryRunOption dry_run_;
    KeepOptions keep_;
};

} // namespace

std::unique_ptr<Verb> make_replace_verb() {
    return std::make_unique<ReplaceVerb>();
}

} // namespace dynmon
