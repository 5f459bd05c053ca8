// SPDX-License-Identifier: BSD-2-Clause
#include "source/stream.hpp"

#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/attachment.hpp"
#include "cli/map_argument.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/rounds.hpp"
#include "cli/verb.hpp"

namespace dynmon {

namespace {

class StreamVerb : public Verb {
public:
    const char* name() const override { return "stream"; }
    const char* summary() const override {
        return "print the events of a ring buffer or perf event array as JSON lines";
    }
    const char* example() const override {
        static const std::string text =
            "sudo dynmon-load stream web/EVENTS\n"
            "  sudo dynmon-load stream /sys/fs/bpf/ring --type 'struct event' --count 10\n"
            "  sudo dynmon-load stream name my_ring --object my.bpf.o --timeout 5s\n"
            "  sudo dynmon-load stream web/EVENTS --where 'dport == 443 && length > 1KB' "
            "--columns saddr,length\n\n"
            "Each event can be read once: another reader of the map does not see it any more,\n"
            "and gets no more events of a perf event array at all until it opens it again.\n\n" +
            std::string(condition_help) +
            "\n  The fields are those of the event: value.dport or just dport. Events that do not "
            "meet the\n"
            "  condition are taken out of the map too, and --count does not count them.";
        return text.c_str();
    }

    void declare(CLI::App& app) override {
        map_.declare(app);
        app.add_option("--type", options_.type,
                       "type of the events; default: what the probe declares (DYNMON_EVENTS)")
            ->type_name("STRUCT");
        app.add_flag("--raw", options_.raw, "bare integers as they are stored");
        declare_u64(app, u64_);
        declare_where(app, options_.where, "events");
        declare_columns(app, options_.columns);
        app.add_option("--count", options_.count, "how many events; default: until Ctrl-C")
            ->type_name("N")
            ->check(at_least_one());
        app.add_option("--timeout", timeout_, "end after that time, e.g. 10s")->type_name("TIME");
    }

    int run(const Global& global) override {
        options_.object = map_.object;
        options_.wide_as_text = u64_ == "string";
        if (!timeout_.empty())
            options_.timeout = parse_duration(timeout_, "--timeout");
        options_.opened = [&global] { stay_reader(global.settings); };
        const FoundMap map = map_.find(global.settings);
        AttachmentWatch attachment(global.settings, MapArgument::monitor_of(map, global.settings));
        attachment.look();
        const StopOnSignal signals;
        Sink sink(STDOUT_FILENO);
        StreamOptions options = options_;
        options.each_round = [&] { attachment.look_rarely(); };
        const StreamTotals totals = stream_events(map, options, sink, stop_requested);
        report(totals);
        return 0;
    }

private:
    // What a ring that overwrites has lost. Where records differ in size, only their bytes are
    // known.
    static std::string overwritten_text(const StreamTotals& totals) {
        if (totals.overwritten_bytes == 0)
            return "";
        return (totals.all_counted ? ", " + std::to_string(totals.overwritten)
                                   : ", " + std::to_string(totals.overwritten_bytes) + " bytes") +
               " overwritten before they were read";
    }

    void report(const StreamTotals& totals) const {
        log::info(counted(totals.events, "event") + ", " + std::to_string(totals.lost) + " lost" +
                  overwritten_text(totals) +
                  (options_.where.empty()
                       ? ""
                       : ", " + std::to_string(totals.filtered) + " filtered out"));
        if (totals.unlike > 0)
            log::warn(std::to_string(totals.unlike) +
                      " events were of another size than their type and are " +
                      (options_.where.empty() ? "shown as bytes"
                                              : "left out: --where knows none of their fields"));
    }

    MapArgument map_;
    StreamOptions options_;
    std::string timeout_;
    std::string u64_ = "number";
};

} // namespace

std::unique_ptr<Verb> make_stream_verb() {
    return std::make_unique<StreamVerb>();
}

} // namespace dynmon
