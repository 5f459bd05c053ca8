// SPDX-License-Identifier: BSD-2-Clause
#include <chrono>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/dry_run.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/load.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

class UnloadVerb : public Verb {
public:
    const char* name() const override { return "unload"; }
    const char* summary() const override { return "take monitors off and leave nothing of them"; }
    const char* example() const override {
        return "sudo dynmon-load unload web\n"
               "  sudo dynmon-load unload --all";
    }

    void declare(CLI::App& app) override {
        auto* name = app.add_option("NAME", name_, "name of the monitor");
        app.add_flag("--all", all_, "every monitor of the store")->excludes(name);
        dry_run_.declare(app);
    }

    int run(const Global& global) override {
        if (!all_ && name_.empty())
            throw Error(ErrorKind::usage, "unload: say which monitor, or --all");
        const Settings settings = dry_run_.settings(global.settings);
        std::vector<std::string> names;
        if (all_)
            names = settings.open_store(false).monitors();
        else
            names.push_back(name_);
        nlohmann::ordered_json unloaded = nlohmann::ordered_json::array();
        std::string sentence = names.empty() ? "nothing is loaded" : "unloaded";
        for (const std::string& name : names) {
            if (!attempt(settings, name))
                continue;
            unloaded.push_back(name);
            sentence += " " + name;
        }
        if (all_)
            sweep(settings);
        if (failure_) {
            if (!unloaded.empty())
                log::warn(sentence);
            throw *failure_;
        }
        if (dry_run_)
            return dry_run_.print(global);
        print_result(global, {{"unloaded", unloaded}}, sentence);
        return 0;
    }

private:
    // With --all a monitor that cannot be unloaded does not keep the others from it.
    bool attempt(const Settings& settings, const std::string& name) {
        try {
            return during("unload '" + name + "'", [&] { return unload(patient(settings), name); });
        } catch (const Error& error) {
            if (!all_)
                throw;
            if (failure_)
                log::warn(error.what());
            else
                failure_ = error;
            waited_ = waited_ || error.kind() == ErrorKind::busy;
            return false;
        }
    }

    // One lock that is held for too long makes us wait once, not once for each monitor.
    Settings patient(Settings settings) const {
        if (waited_)
            settings.lock_patience = no_patience();
        return settings;
    }

    // Also what killed loaders left: nothing means nothing.
    void sweep(const Settings& settings) {
        try {
            recover(patient(settings));
        } catch (const Error& error) {
            if (!failure_) // else it says the same of the same monitor
                failure_ = error;
        }
    }

    // With --all it does not matter which process unloads it. False: another one did.
    bool unload(const Settings& settings, const std::string& name) const {
        try {
            unload_monitor(settings, name);
            return true;
        } catch (const Error&) {
            if (all_ && !exists(settings.open_store(false).monitor_dir(name)))
                return false;
            throw;
        }
    }

    std::string name_;
    bool all_ = false;
    DryRunOption dry_run_;
    bool waited_ = false;
    std::optional<Error> failure_; // the first
};

} // namespace

std::unique_ptr<Verb> make_unload_verb() {
    return std::make_unique<UnloadVerb>();
}

} // namespace dynmon
