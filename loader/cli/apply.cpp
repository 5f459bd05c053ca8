// SPDX-License-Identifier: BSD-2-Clause
#include "control/apply.hpp"

#include "cli/dry_run.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/reports.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon {

namespace {

class ApplyVerb : public Verb {
public:
    const char* name() const override { return "apply"; }
    const char* summary() const override {
        return "load or replace, whichever is needed; nothing if all is so already";
    }
    const char* example() const override {
        return "sudo dynmon-load apply web flows --dev eth0 --keep-matching-maps";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", name_, "name of the monitor")->required();
        options_.declare(app);
        options_.declare_limit(app);
        place_.declare(app);
        keep_.declare(app);
        dry_run_.declare(app);
    }

    int run(const Global& global) override {
        const Settings settings = dry_run_.settings(global.settings);
        const Probe probe = open_checked_probe(options_.probe, settings.allowed());
        const ApplyReport report = with_verifier_log(options_.verifier_log, [&] {
            return during("apply '" + name_ + "'", [&] {
                return apply_monitor(settings, probe, place_.request(name_, options_),
                                     keep_.keep());
            });
        });
        if (dry_run_)
            return dry_run_.print(global);
        nlohmann::ordered_json document = placed_json(global.settings, report.record);
        document["outcome"] = to_string(report.outcome);
        document["carried-maps"] = report.carried;
        document["unread-window"] = report.unread;
        print_result(global, document,
                     std::string(to_string(report.outcome)) + " " + name_ + ": generation " +
                         std::to_string(report.record.number) + " runs" +
                         what_went_on(report.carried, report.unread));
        return 0;
    }

private:
    std::string name_;
    ProbeOptions options_;
    DryRunOption dry_run_;
    PlaceOptions place_;
    KeepOptions keep_;
};

} // namespace

std::unique_ptr<Verb> make_apply_verb() {
    return std::make_unique<ApplyVerb>();
}

} // namespace dynmon
