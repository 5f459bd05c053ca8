#include "monitor/read.hpp"

#include <chrono>

#include <unistd.h>

#include "base/error.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/verb.hpp"

namespace dynmon {

namespace {

std::uint64_t monotonic_ns() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

class ReadVerb : public Verb {
public:
    const char* name() const override { return "read"; }
    const char* summary() const override { return "print the metrics of a monitor, decoded"; }
    const char* example() const override {
        return "sudo dynmon-load read web\n"
               "  sudo dynmon-load read web flows --path ingress --sort -bytes --top 10\n"
               "  sudo dynmon-load read web --format json --interval 1s --count 60\n"
               "  sudo dynmon-load read web --format npz > window.npz";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", request_.name, "name of the monitor")->required();
        app.add_option("METRIC", request_.metric, "only this metric");
        app.add_option("--path", path_, "only this direction")
            ->check(CLI::IsMember({"ingress", "egress"}));
        output_.declare(app,
                        {"json", "jsonl", "dynmon", "openmetrics", "csv", "table", "npy", "npz"});
        app.add_flag("--peek", request_.peek, "change nothing: neither swap nor empty");
        auto* interval = app.add_option("--interval", interval_, "read again and again, e.g. 1s")
                             ->type_name("TIME");
        app.add_option("--count", count_, "how often; default: until Ctrl-C")
            ->needs(interval)
            ->type_name("N");
    }

    int run(const Global& global) override {
        if (!path_.empty())
            request_.direction = path_ == "egress" ? Direction::egress : Direction::ingress;
        request_.output = output_.options(global.json);
        request_.jobs = output_.jobs;
        const Format format = request_.output.format;
        if (!interval_.empty() && (format == Format::npy || format == Format::npz))
            throw Error(ErrorKind::usage, "--interval makes several files of " + output_.format)
                .hint("read in a loop, into a file each time");
        Sink sink(STDOUT_FILENO);
        if (interval_.empty()) {
            read_once(global, sink);
            return 0;
        }
        const auto interval =
            static_cast<std::uint64_t>(parse_duration(interval_, "--interval").count());
        if (interval == 0)
            throw Error(ErrorKind::usage, "--interval must be longer than 0");
        const StopOnSignal signals;
        // Deadlines on a fixed grid: the time that a read takes does not add up.
        std::uint64_t next = monotonic_ns();
        for (std::uint64_t round = 0; count_ == 0 || round < count_; ++round) {
            next += interval;
            signals.sleep_until(next);
            if (signals.stopped())
                break;
            read_once(global, sink);
        }
        return 0;
    }

private:
    void read_once(const Global& global, Sink& sink) {
        during("read '" + request_.name + "'",
               [&] { read_monitor(global.settings, request_, sink); });
    }

    ReadRequest request_;
    OutputOptions output_;
    std::string path_;
    std::string interval_;
    std::uint64_t count_ = 0;
};

} // namespace

std::unique_ptr<Verb> make_read_verb() {
    return std::make_unique<ReadVerb>();
}

} // namespace dynmon
