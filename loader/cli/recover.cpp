// SPDX-License-Identifier: BSD-2-Clause
#include "cli/dry_run.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/doctor.hpp"
#include "control/load.hpp"
#include "control/reports.hpp"

namespace dynmon {

namespace {

class RecoverVerb : public Verb {
public:
    const char* name() const override { return "recover"; }
    const char* summary() const override {
        return "finish or take back what a killed loader left behind";
    }
    const char* example() const override { return "sudo dynmon-load recover"; }
    void declare(CLI::App& app) override { dry_run_.declare(app); }

    int run(const Global& global) override {
        const Recovered recovered = recover(dry_run_.settings(global.settings));
        if (dry_run_)
            return dry_run_.print(global);
        const std::vector<SystemProblem> left = diagnose(read_status(global.settings, ""));
        print_result(global, {{"actions", recovered.actions}, {"problems", problems_json(left)}},
                     text_of(recovered.actions, left));
        return 0;
    }

private:
    static std::string text_of(const std::vector<std::string>& actions,
                               const std::vector<SystemProblem>& left) {
        std::string text = actions.empty() ? "nothing to recover" : "";
        for (const std::string& action : actions)
            text += (text.empty() ? "" : "\n") + action;
        for (const SystemProblem& ailment : left)
            text += "\n" + ailment.problem + "\n  do: " + ailment.remedy;
        return text;
    }

    DryRunOption dry_run_;
};

} // namespace

std::unique_ptr<Verb> make_recover_verb() {
    return std::make_unique<RecoverVerb>();
}

} // namespace dynmon
