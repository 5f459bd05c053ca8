#include "base/error.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "monitor/load.hpp"

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
    }

    int run(const Global& global) override {
        if (!all_ && name_.empty())
            throw Error(ErrorKind::usage, "unload: say which monitor, or --all");
        std::vector<std::string> names;
        if (all_)
            names = global.settings.open_store(false).monitors();
        else
            names.push_back(name_);
        nlohmann::ordered_json unloaded = nlohmann::ordered_json::array();
        std::string sentence = names.empty() ? "nothing is loaded" : "unloaded";
        for (const std::string& name : names) {
            if (!during("unload '" + name + "'", [&] { return unload(global.settings, name); }))
                continue;
            unloaded.push_back(name);
            sentence += " " + name;
        }
        if (all_)
            recover(global.settings); // also what killed loaders left: nothing means nothing
        print_result(global, {{"unloaded", unloaded}}, sentence);
        return 0;
    }

private:
    // With --all it does not matter who takes it away. False: somebody else did.
    bool unload(const Settings& settings, const std::string& name) const {
        try {
            unload_monitor(settings, name);
            return true;
        } catch (const Error& error) {
            if (all_ && error.kind() == ErrorKind::usage)
                return false;
            throw;
        }
    }

    std::string name_;
    bool all_ = false;
};

} // namespace

std::unique_ptr<Verb> make_unload_verb() {
    return std::make_unique<UnloadVerb>();
}

} // namespace dynmon
