// SPDX-License-Identifier: BSD-2-Clause
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/attachment.hpp"
#include "cli/map_argument.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/rounds.hpp"
#include "cli/verb.hpp"
#include "format/export_options.hpp"
#include "format/sink.hpp"
#include "source/follow.hpp"
#include "source/map_kind.hpp"
#include "source/typed_map.hpp"

namespace dynmon {

namespace {

std::string name_of(const MetricView& view) {
    return view.name.empty() ? "the map" : "'" + view.name + "'";
}

class DumpVerb : public Verb {
public:
    const char* name() const override { return "dump"; }
    const char* summary() const override {
        return "print any map, decoded by its BTF, also one that dynmon did not make";
    }
    const char* example() const override {
        static const std::string text =
            "sudo dynmon-load dump /sys/fs/bpf/dynmon/monitors/web/g1/FLOWS_INGRESS-a\n"
            "  sudo dynmon-load dump web/flows --top 10\n"
            "  sudo dynmon-load dump id 42 --format json\n"
            "  sudo dynmon-load dump name my_map --format csv --where 'value > 1000'\n"
            "  sudo dynmon-load dump id 42 --follow --interval 500ms\n" +
            std::string(condition_help) +
            "\n  --pop takes out what does not meet the condition too. With --follow an entry "
            "that\n"
            "  begins to meet it is \"added\", and one that ceases to is \"removed\".";
        return text.c_str();
    }

    void declare(CLI::App& app) override {
        map_.declare(app);
        output_.declare(app, &FormatRow::of_maps);
        app.add_option(
               "--merge", merge_,
               "per-CPU values become one; none: list them, which is the default for a map of "
               "others; of a monitor's map: what its probe says")
            ->check(CLI::IsMember({"sum", "max", "min", "first", "last", "or", "none"}));
        auto* pop =
            app.add_flag("--pop", pop_, "queue, stack: take the elements out, to show all of them");
        auto* follow =
            app.add_flag("--follow", follow_, "print what changes from now on, as JSON lines")
                ->excludes(pop);
        app.add_option("--interval", interval_, "how often to look; default: 1s")
            ->needs(follow)
            ->type_name("TIME");
        app.add_option("--count", count_, "how many times; default: until Ctrl-C")
            ->needs(follow)
            ->type_name("N")
            ->check(at_least_one());
    }

    int run(const Global& global) override {
        FoundMap found = map_.find(global.settings);
        AttachmentWatch attachment(global.settings,
                                   MapArgument::monitor_of(found, global.settings));
        attachment.look();
        TypedMap map(std::move(found), map_.object);
        give_up(global, map.facts().type);
        map.set_jobs(output_.jobs);
        if (!map.untyped().empty())
            log::info("the types of " + name_of(map.view()) + " are not known (" + map.untyped() +
                      "): it is shown as numbers and bytes; --object FILE names an object that "
                      "defines it");
        if (!merge_.empty() && map.view().cpus == 0)
            throw Error(ErrorKind::usage,
                        "--merge is for per-CPU maps, and '" + map.view().name + "' is none");
        if (!merge_.empty())
            during("--merge", [&] { map.set_merge(merge_from(merge_)); });
        if (pop_ && !is_queue_like(map.facts().type))
            throw Error(ErrorKind::usage, "--pop is for queues and stacks");
        if (is_queue_like(map.facts().type) && !pop_ && !follow_)
            log::info("a queue cannot be listed: only its head is shown, --pop takes all out");
        Sink sink(STDOUT_FILENO);
        if (follow_) {
            follow(map, global, sink, attachment);
            return 0;
        }
        map.print(output_.options(global.json), pop_ ? Take::remove : Take::look, sink);
        return 0;
    }

private:
    // Root stays root where owners of entries are looked for, and where the folder for what does
    // not fit into memory is the user's.
    void give_up(const Global& global, MapType type) const {
        Confinement more;
        more.looks_at_processes = is_storage(type);
        if (output_.format == "npy")
            more.files.push_back(spool_folder());
        if (const Rights keep = rights_to_list(type); !keep.empty())
            drop_rights(keep);
        else if (follow_ || more.looks_at_processes || !more.files.empty())
            stay_reader(global.settings, more);
        else
            stay_nobody();
    }

    void follow(const TypedMap& map, const Global& global, Sink& sink,
                AttachmentWatch& attachment) const {
        Follower follower(map, output_.options(global.json || output_.format.empty()));
        follower.look(sink);
        repeat(interval_, count_, [&] {
            attachment.look_rarely();
            follower.look(sink);
        });
    }

    static Merge merge_from(const std::string& text) {
        for (const Merge merge :
             {Merge::sum, Merge::max, Merge::min, Merge::first, Merge::last, Merge::bit_or})
            if (text == to_string(merge))
                return merge;
        return Merge::none;
    }

    MapArgument map_;
    OutputOptions output_;
    std::string merge_;
    bool pop_ = false;
    bool follow_ = false;
    std::string interval_ = "1s";
    std::uint64_t count_ = 0;
};

} // namespace

std::unique_ptr<Verb> make_dump_verb() {
    return std::make_unique<DumpVerb>();
}

} // namespace dynmon
