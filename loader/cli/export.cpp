// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <list>
#include <optional>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/attachment.hpp"
#include "cli/export_profiles.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/rounds.hpp"
#include "cli/verb.hpp"
#include "control/chain_lookup.hpp"
#include "control/read.hpp"
#include "export/flow_cache.hpp"
#include "export/flow_record.hpp"
#include "export/output_dir.hpp"
#include "filter/literal.hpp"

namespace dynmon {

namespace {

std::string milliseconds(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f ms", seconds * 1e3);
    return text;
}

std::string missed_text(const WindowReport& report) {
    std::string text;
    for (const auto& [name, count] : report.missed)
        text += (text.empty() ? "" : ", ") + name + ' ' + std::to_string(count);
    return text;
}

std::string as_text(const WindowReport& report) {
    std::string text = "window " + std::to_string(report.window.sequence);
    if (report.repeated)
        return text + ": stored already";
    text += " (iteration " + std::to_string(report.iteration) + "): ";
    if (report.sessions == 0)
        text += "nothing";
    else
        text += counted(report.sessions, report.unit) + ", " + counted(report.packets, "packet");
    if (!report.files.empty())
        text += ", " + counted(report.files.size(), "file");
    text += "; read " + milliseconds(report.read_seconds) + ", written " +
            milliseconds(report.write_seconds);
    const std::string missed = missed_text(report);
    return text + (missed.empty() ? "" : "; not captured: " + missed);
}

// By direction; null: not known.
nlohmann::ordered_json attached_json(const std::vector<CountingPlace>& places) {
    nlohmann::ordered_json attached = nlohmann::ordered_json::object();
    for (const CountingPlace& place : places) {
        nlohmann::ordered_json& one = attached[to_string(place.direction)];
        if (place.attached)
            one = *place.attached;
    }
    return attached;
}

std::string as_json(const WindowReport& report, const char* profile, const std::string& collector,
                    const std::vector<CountingPlace>& places) {
    nlohmann::ordered_json missed = nlohmann::ordered_json::object();
    for (const auto& [name, count] : report.missed)
        missed[name] = count;
    nlohmann::ordered_json document{{"profile", profile},
                                    {"monitor", report.monitor},
                                    {"sequence", report.window.sequence},
                                    {"from", report.window.from_ns},
                                    {"to", report.window.to_ns},
                                    {"iteration", report.iteration},
                                    {"repeated", report.repeated},
                                    {"sessions", report.sessions},
                                    {"packets", report.packets},
                                    {"files", report.files},
                                    {"missed", missed},
                                    {"attached", attached_json(places)},
                                    {"read-seconds", report.read_seconds},
                                    {"write-seconds", report.write_seconds}};
    if (!collector.empty())
        document["collector"] = collector;
    return json_text(document) + "\n";
}

class ExportVerb : public Verb {
public:
    const char* name() const override { return "export"; }
    const char* summary() const override {
        return "write or send the windows of a monitor as analysers and collectors want them";
    }
    const char* example() const override {
        return "sudo dynmon-load export web --profile ddos --out dump_ddos --interval 10s\n"
               "  sudo dynmon-load export mine --profile crypto --out dump_crypto --format json\n"
               "  sudo dynmon-load export web --profile lucid --packets 10 --out samples\n"
               "  sudo dynmon-load export web --profile ipfix --to udp:collector.example:4739\n"
               "  sudo dynmon-load export web --profile netflow --out flows --idle 0\n\n"
               "  A window leaves the kernel once its files are on the disk: what cannot be "
               "written\n"
               "  comes again, and so does the window of a run that was killed, once. Iterations "
               "go\n"
               "  on from run to run. While it runs other readers get no window (exit code 3): "
               "look "
               "with\n"
               "  `read --peek` or `--format openmetrics`.";
    }

    void declare(CLI::App& app) override {
        app_ = &app;
        app.add_option("NAME", request_.name, "name of the monitor")->required();
        std::vector<std::string> names;
        std::string what = "what it is for:";
        for (const ExportProfile& profile : export_profiles()) {
            names.emplace_back(profile.name);
            what +=
                std::string(names.size() > 1 ? "; " : " ") + profile.name + ": " + profile.summary;
        }
        app.add_option("--profile", profile_, what)->required()->check(CLI::IsMember(names));
        declare_export_options(app, arguments_);
        reader_.declare(app);
        app.add_option("--interval", interval_, "how long a window is; default: 10s")
            ->type_name("TIME");
        app.add_option("--count", count_, "how many windows; default: until Ctrl-C")
            ->type_name("N")
            ->check(at_least_one());
    }

    int run(const Global& global) override {
        const ExportProfile& profile = chosen_profile();
        require_options_of(profile);
        arguments_.interval = parse_duration(interval_, "--interval");
        arguments_.monitor = request_.name;
        request_.named = reader_.named();
        const std::string step = "export '" + request_.name + "'";
        during(step, [&] { look_at_monitor(global); });
        Sink lines(STDOUT_FILENO);
        notes_.emplace(request_.name);
        request_.places = [this](const std::vector<CountingPlace>& places) {
            places_ = places;
            notes_->note(places);
        };
        make_sinks();
        for (Destination& destination : destinations_)
            during(step, [&] { prepare_read(global.settings, destination.request); });
        if (!places_.empty())
            arguments_.device = places_.front().device;
        arguments_.sample = [&](std::uint32_t generation) {
            return sample_of(record_of(global, generation));
        };
        give_up(global); // before it opens the folder, which may belong to any user
        for (Destination& destination : destinations_)
            open(destination, profile, [&](const WindowReport& report) {
                if (!global.json)
                    return log::info(
                        (destinations_.size() > 1 ? destination.collector + ": " : "") +
                        as_text(report));
                lines.buffer() += as_json(report, profile.name, destination.collector, places_);
                lines.flush();
            });
        for (Destination& destination : destinations_)
            during(step, [&] { require_fit(global, destination); });
        Sink nowhere(-1);
        Rounds rounds(global, step, interval_, count_);
        try {
            rounds.run([&] {
                bool closed = false; // one window for all of them
                for (Destination& destination : destinations_) {
                    destination.request.named.only_waiting = closed;
                    take_window(global, destination, nowhere);
                    closed = closed || !destination.away;
                }
            });
        } catch (...) {
            for (Destination& destination : destinations_)
                close_after_error(*destination.exporter);
            throw;
        }
        close_sinks();
        for (const Destination& destination : destinations_)
            if (destination.away)
                throw *destination.away;
        rounds.require_last();
        return 0;
    }

private:
    // What the windows go to: each is a reader of its own, so that none waits for another.
    struct Destination {
        std::string collector; // "": files
        ReadRequest request;
        WindowClaim claim;
        std::unique_ptr<Exporter> exporter;
        std::optional<SinkUnavailable> away; // the last window was not taken
    };

    void make_sinks() {
        const std::vector<std::string>& collectors = arguments_.flows.collectors;
        if (collectors.size() > 1 && request_.named.as.empty())
            throw Error(ErrorKind::usage, "--to more than once: each collector is a reader, and "
                                          "readers have names")
                .hint("give them one with --as");
        if (collectors.size() > 1 && !arguments_.flows.state.empty())
            throw Error(ErrorKind::usage, "--state is for one collector")
                .hint("start an export for each, with --as and --state of its own");
        for (std::size_t i = 0; i < std::max<std::size_t>(collectors.size(), 1); ++i) {
            Destination& destination = destinations_.emplace_back();
            destination.request = request_;
            destination.request.claim = &destination.claim;
            if (i < collectors.size())
                destination.collector = collectors[i];
            if (collectors.size() > 1)
                destination.request.named.as = reader_of(request_.named.as, collectors[i]);
        }
    }

    // The same for a collector in every run, whichever others there are.
    static std::string reader_of(const std::string& name, const std::string& collector) {
        std::string reader = name + "-" + collector;
        for (char& c : reader)
            if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_')
                c = '-';
        return reader;
    }

    void open(Destination& destination, const ExportProfile& profile, ReportWindow report) {
        arguments_.flows.to = destination.collector;
        destination.exporter = profile.open(arguments_, std::move(report));
        destination.request.consumer = destination.exporter.get();
    }

    void close_sinks() {
        Failures failures;
        for (Destination& destination : destinations_)
            failures.attempt([&] { destination.exporter->close(); });
        failures.throw_first();
    }

    const ExportProfile& chosen_profile() const {
        return *std::find_if(
            export_profiles().begin(), export_profiles().end(),
            [&](const ExportProfile& profile) { return profile_ == profile.name; });
    }

    // An option that the profile has no use for is a mistake, not something to pass over.
    void require_options_of(const ExportProfile& profile) const {
        std::vector<std::string> known = {"--profile", "--interval", "--count",      "--help",
                                          "--as",      "--keep",     "--keep-memory"};
        for (std::string option : profile.options) {
            if (option.ends_with('!')) {
                option.pop_back();
                if (app_->count(option) == 0)
                    throw Error(ErrorKind::usage,
                                std::string("profile '") + profile.name + "' needs " + option);
            }
            known.push_back(option);
        }
        for (const CLI::Option* option : app_->get_options()) {
            const std::string name = option->get_name();
            if (option->count() > 0 && name.starts_with("--") &&
                std::find(known.begin(), known.end(), name) == known.end())
                throw Error(ErrorKind::usage, name + " is not for profile '" + profile.name + "'");
        }
    }

    void give_up(const Global& global) const {
        drop_rights();
        Confinement more;
        more.sends = !arguments_.flows.collectors.empty();
        if (!arguments_.out.empty()) {
            OutputDir::make(arguments_.out);
            more.files.push_back(arguments_.out);
        }
        if (!arguments_.flows.state.empty())
            more.files.push_back(FlowState::folder_of(arguments_.flows.state));
        stay_reader(global.settings, more);
    }

    // Finds a monitor that does not fit before the first interval is over.
    static void require_fit(const Global& global, const Destination& destination) {
        ReadRequest request = destination.request;
        request.peek = true;
        try {
            prepare_read(global.settings, request);
        } catch (const SinkUnavailable&) {
            // it has said so, and it may be there when the first window ends
        }
    }

    // Where flows go may be away for a while: the window stays in the kernel.
    static void take_window(const Global& global, Destination& destination, Sink& nowhere) {
        const std::string step = "export '" + destination.request.name + "'";
        try {
            during(step, [&] { read_monitor(global.settings, destination.request, nowhere); });
            destination.away.reset();
        } catch (const SinkUnavailable& away) {
            destination.away = away;
        }
    }

    static void close_after_error(Exporter& exporter) {
        try {
            exporter.close();
        } catch (const Error& error) {
            // The first error is printed with its hint; later ones only count.
            log::warn(error.what() + (error.hint().empty() ? "" : ": " + error.hint()));
        }
    }

    void look_at_monitor(const Global& global) {
        const Store store = global.settings.open_store(false);
        store.require_monitor(request_.name);
        const GenerationRecord record = current_generation(store, request_.name).read_record();
        if (!record.programs.empty()) {
            const HookId& hook = record.programs.front().hook;
            arguments_.netns = hook.netns;
            arguments_.interface = static_cast<std::uint32_t>(hook.ifindex);
        }
        if (profile_ == "lucid")
            require_packets(record);
    }

    // A replaced generation has one too, while a window of it is there. Flows of a state may belong
    // to a generation that is gone.
    GenerationRecord record_of(const Global& global, std::uint32_t generation) const {
        const Store store = global.settings.open_store(false);
        const GenerationDir dir = generation_dir(store.monitor_dir(request_.name), generation);
        return (dir.has_record() ? dir : current_generation(store, request_.name)).read_record();
    }

    // A parameter called `sample`, of probes that have one.
    static std::uint32_t sample_of(const GenerationRecord& record) {
        std::string text = "1";
        for (const Parameter& parameter : record.manifest.parameters)
            if (parameter.name == "sample" && parameter.preset)
                text = *parameter.preset;
        if (const auto set = record.parameters.find("sample"); set != record.parameters.end())
            text = set->second;
        const auto number = parse_exact_number(text);
        return number ? static_cast<std::uint32_t>(number->size) : 1;
    }

    // A sample of fewer packets than it says is none: LUCID would have had more of the flow.
    void require_packets(const GenerationRecord& record) const {
        const auto limit = record.parameters.find("n_packet_per_session");
        if (limit == record.parameters.end())
            return;
        const auto captured = parse_exact_number(limit->second);
        if (captured && captured->size < arguments_.packets)
            throw Error(ErrorKind::usage, "--packets " + std::to_string(arguments_.packets) +
                                              ": the probe captures " + limit->second +
                                              " of each session")
                .hint("load it with --set n_packet_per_session=" +
                      std::to_string(arguments_.packets));
    }

    std::vector<CountingPlace> places_; // where the monitor counts now
    std::optional<AttachmentNotes> notes_;
    CLI::App* app_ = nullptr;
    ReadRequest request_;
    ReaderOptions reader_;
    std::list<Destination> destinations_;
    ExportArguments arguments_;
    std::string profile_;
    std::string interval_ = "10s";
    std::uint64_t count_ = 0;
};

} // namespace

std::unique_ptr<Verb> make_export_verb() {
    return std::make_unique<ExportVerb>();
}

} // namespace dynmon
