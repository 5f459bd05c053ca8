#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "monitor/load.hpp"

namespace dynmon {

namespace {

class RecoverVerb : public Verb {
public:
    const char* name() const override { return "recover"; }
    const char* summary() const override {
        return "finish or take back what a killed loader left behind";
    }
    const char* example() const override { return "sudo dynmon-load recover"; }
    void declare(CLI::App&) override {}

    int run(const Global& global) override {
        const Recovered recovered = recover(global.settings);
        std::string sentence;
        for (const std::string& action : recovered.actions)
            sentence += (sentence.empty() ? "" : "\n") + action;
        print_result(global, {{"actions", recovered.actions}},
                     sentence.empty() ? "nothing to recover" : sentence);
        return 0;
    }
};

} // namespace

std::unique_ptr<Verb> make_recover_verb() {
    return std::make_unique<RecoverVerb>();
}

} // namespace dynmon
