// SPDX-License-Identifier: BSD-2-Clause
#include "control/read.hpp"

#include <unistd.h>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "cli/attachment.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/rounds.hpp"
#include "cli/verb.hpp"
#include "control/hand_out.hpp"
#include "format/export_options.hpp"
#include "format/sink.hpp"
#include "state/store.hpp"

namespace dynmon {

namespace {

class ReadVerb : public Verb {
public:
    const char* name() const override { return "read"; }
    const char* summary() const override { return "print the metrics of a monitor, decoded"; }
    const char* example() const override {
        static const std::string text =
            "sudo dynmon-load read web\n"
            "  sudo dynmon-load read web flows --direction ingress --sort -bytes --top 10\n"
            "  sudo dynmon-load read web flows --where 'key.dport == 443 && value.bytes > 1MB'\n"
            "  sudo dynmon-load read web flows --columns saddr,daddr,bytes --rate\n"
            "  sudo dynmon-load read web --format json --interval 1s --count 60\n"
            "  sudo dynmon-load read web flows --format csv --add site=lab > flows.csv\n"
            "  sudo dynmon-load read web --format npz > window.npz\n" +
            std::string(condition_help) +
            "\n  Condition and columns must fit every metric that is read. A filter only changes "
            "what\n"
            "  is printed: entries that do not match, or are beyond --top, are still removed with\n"
            "  their window. Use --peek to keep them.";
        return text.c_str();
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", request_.name, "name of the monitor")->required();
        app.add_option("METRIC", request_.metric, "only this metric");
        const CLI::IsMember directions({"ingress", "egress"});
        auto* direction =
            app.add_option("--direction", direction_, "only this direction")->check(directions);
        hide(app.add_option("--path", direction_)->check(directions)->excludes(direction));
        output_.declare(app);
        output_.declare_of_windows(app);
        auto* peek =
            app.add_flag("--peek", request_.peek, "change nothing: neither swap nor empty");
        auto* as = reader_.declare(app)->excludes(peek);
        app.add_flag("--forget", forget_, "remove the reader --as names, and print nothing")
            ->needs(as);
        auto* interval = app.add_option("--interval", interval_, "read again and again, e.g. 1s")
                             ->type_name("TIME");
        app.add_option("--count", count_, "how often; default: until Ctrl-C")
            ->needs(interval)
            ->type_name("N")
            ->check(at_least_one());
    }

    int run(const Global& global) override {
        become_store_user(global.settings.bpffs);
        if (forget_) {
            during("read '" + request_.name + "'",
                   [&] { forget_reader(global.settings, request_.name, reader_.as); });
            return 0;
        }
        request_.named = reader_.named();
        if (!direction_.empty())
            request_.direction = direction_ == "egress" ? Direction::egress : Direction::ingress;
        options_ = output_.options(global.json);
        options_.build = build_name();
        request_.output = &options_;
        request_.jobs = output_.jobs;
        const bool binary = options_.format->is_binary;
        if (!interval_.empty() && binary)
            throw Error(ErrorKind::usage, "--interval makes several files of " + output_.format)
                .hint("read in a loop, into a file each time");
        AttachmentNotes notes(request_.name);
        request_.places = [&](const std::vector<CountingPlace>& places) { notes.note(places); };
        request_.opened = [&global, binary] {
            Confinement more;
            if (binary)
                more.files.push_back(spool_folder());
            stay_reader(global.settings, more);
        };
        Sink sink(STDOUT_FILENO);
        if (interval_.empty()) {
            const StopOnSignal whole; // the first signal waits until the window is out
            read_once(global, sink);
            return 0;
        }
        request_.claim = &claim_;
        const std::string what = "read '" + request_.name + "'";
        during(what, [&] { prepare_read(global.settings, request_); });
        Rounds rounds(global, what, interval_, count_);
        rounds.run([&] { read_once(global, sink); });
        rounds.require_last();
        return 0;
    }

private:
    void read_once(const Global& global, Sink& sink) {
        during("read '" + request_.name + "'",
               [&] { read_monitor(global.settings, request_, sink); });
    }

    ReadRequest request_;
    ExportOptions options_;
    WindowClaim claim_;
    ReaderOptions reader_;
    bool forget_ = false;
    OutputOptions output_;
    std::string direction_;
    std::string interval_;
    std::uint64_t count_ = 0;
};

} // namespace

std::unique_ptr<Verb> make_read_verb() {
    return std::make_unique<ReadVerb>();
}

} // namespace dynmon
