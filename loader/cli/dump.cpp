#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/map_argument.hpp"
#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "read/typed_map.hpp"

namespace dynmon {

namespace {

class DumpVerb : public Verb {
public:
    const char* name() const override { return "dump"; }
    const char* summary() const override {
        return "print any map, decoded by its BTF, also one that dynmon did not make";
    }
    const char* example() const override {
        return "sudo dynmon-load dump /sys/fs/bpf/dynmon/monitors/web/g1/FLOWS_INGRESS-a\n"
               "  sudo dynmon-load dump id 42 --format json\n"
               "  sudo dynmon-load dump name my_map --format csv";
    }

    void declare(CLI::App& app) override {
        map_.declare(app);
        output_.declare(app, {"json", "dynmon", "csv", "table"});
        app.add_option("--merge", merge_, "per-CPU values become one; none: list them")
            ->check(CLI::IsMember({"sum", "max", "min", "last", "or", "none"}));
        app.add_flag("--pop", pop_, "queue, stack: take the elements out, to show all of them");
    }

    int run(const Global& global) override {
        TypedMap map(map_.find(global.settings), map_.object);
        if (!merge_.empty())
            map.set_merge(merge_from(merge_));
        if (pop_ && !is_queue_like(map.facts().type))
            throw Error(ErrorKind::usage, "--pop is for queues and stacks");
        if (is_queue_like(map.facts().type) && !pop_)
            log::info("a queue cannot be listed: only its head is shown, --pop takes all out");
        Sink sink(STDOUT_FILENO);
        map.print(output_.options(global.json), pop_ ? Take::remove : Take::look, sink);
        return 0;
    }

private:
    static Merge merge_from(const std::string& text) {
        for (const Merge merge : {Merge::sum, Merge::max, Merge::min, Merge::last, Merge::bit_or})
            if (text == to_string(merge))
                return merge;
        return Merge::none;
    }

    MapArgument map_;
    OutputOptions output_;
    std::string merge_;
    bool pop_ = false;
};

} // namespace

std::unique_ptr<Verb> make_dump_verb() {
    return std::make_unique<DumpVerb>();
}

} // namespace dynmon
