// SPDX-License-Identifier: BSD-2-Clause
// The metrics of a generation as things to read, and what a replaced generation leaves to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "control/window_log.hpp"
#include "format/exporter.hpp"
#include "source/find_map.hpp"
#include "state/generation.hpp"
#include "state/state.hpp"
#include "state/store.hpp"

namespace dynmon {

// One metric of a generation, ready to be printed.
struct MetricSource {
    std::size_t index = 0; // in the manifest: ingress metrics first
    MetricView view;
    MapRecord map;
    bool swap = false;
    bool empty = false; // what is read is taken out (queues always)

    bool consumed() const { return swap || empty; }
    std::uint64_t bit() const { return std::uint64_t{1} << index; }
};

// The metrics of a generation whose maps are still pinned, with layouts from its own BTF.
std::vector<MetricSource> metric_sources(const GenerationDir& dir, const GenerationRecord& record);
std::vector<MetricSource> metric_sources(GenerationMaps& maps, const GenerationRecord& record,
                                         Side first); // the side that is looked at first

// The same of a window that waits for named readers, whose maps may be gone.
std::vector<MetricSource> logged_sources(const GenerationDir& dir, const GenerationRecord& record,
                                         const std::vector<LoggedMetric>& metrics);

struct MapContent {
    std::string path;
    std::uint32_t id = 0;
    bool unread = false; // of a metric, and something is in it
};
// The maps of a generation that are still pinned.
std::vector<MapContent> map_contents(const GenerationDir& dir, const GenerationRecord& record);

// What `old` still holds is the monitor's last window before `current`: notes that it ended at
// `ended_ns`, lets go of maps that `current` goes on with, and moves the state on to the metrics of
// `current`, whose first window begins where that one ended.
// May be repeated: the first end holds. Returns false when nothing is left to read.
bool retire(const GenerationDir& old, const GenerationRecord& old_record,
            const GenerationDir& current, const StateMap& state, std::uint64_t ended_ns);

// What a read has drained from queues and stacks and not handed out yet: there is no looking at
// them without taking, so what could not be written is put back.

class DrainedEntries {
public:
    // `map` must live until the end of the content. `in_room`: the batches of this map stand
    // one behind the other in a DrainBuffer, which lives as long; otherwise they are copied.
    void keep(const Fd& map, const Batch& batch, bool in_room);
    // In an order in which they are drained as before, behind what came meanwhile. What is back in
    // its queue is zeroed in its room. Warns of those for which the queue has no place any more.
    void put_back();
    void forget() { queues_.clear(); }

private:
    struct Queue {
        const Fd* map;
        std::size_t size; // of a value
        std::byte* room;  // or null
        std::size_t count;
        std::vector<std::byte> copies; // without room
    };
    std::vector<Queue> queues_;
};

// The window of which a reader printed a part before it was killed or lost its output.

struct Manifest;

struct UnfinishedWindow {
    std::uint64_t sequence = 0;
    std::string metrics; // "'flows' (ingress), 'flows' (egress)"
};

// A reader that is at work has one too: the caller has to know that there is none.
std::optional<UnfinishedWindow> unfinished_window(const MonitorState& state,
                                                  const Manifest& manifest);

// "window 3 of 'flows' (ingress) was not read to its end"
std::string describe(const UnfinishedWindow& window);

// Which process takes the windows of a monitor, or of one of its named readers, while it runs.

// A lock on a directory beside the monitor's maps, so that it ends with its holder, however that
// ends. Not thread-safe. A caller that asks for it holds the monitor's lock, exclusively.
class WindowClaim {
public:
    // Takes it, or keeps it. Throws Error{busy} that names the process that has it.
    // `reader` "": one without a name.
    void hold(const Store& store, const std::string& monitor, const std::string& reader);
    // For a reader that takes windows once: throws as hold(), and takes nothing.
    static void require_free(const Store& store, const std::string& monitor,
                             const std::string& reader);
    static void make_place(const std::string& monitor_dir); // which may still be staged
    static void remove_place(const std::string& monitor_dir, const std::string& reader);

private:
    std::optional<DirectoryLock> lock_; // of a monitor that may be gone, and loaded again
};

// The metrics of a generation as metric_sources() gives them, with interfaces called by their
// names.

// The names are those of the network namespace that the monitor's devices are in. Where it is gone
// or must not be entered, interfaces stay numbers.
std::vector<MetricSource> named_sources(const Store& store, const GenerationDir& dir,
                                        const GenerationRecord& record);

std::vector<MetricSource> named_logged_sources(const Store& store, const GenerationDir& dir,
                                               const GenerationRecord& record,
                                               const std::vector<LoggedMetric>& metrics);

// The same for a monitor by its name; null: as above.
std::shared_ptr<const EnumSet> interfaces_of_monitor(const Store& store, const std::string& name);

// A map or metric of a running monitor, opened; throws as map_pin().
FoundMap map_of_monitor(const Store& store, const std::string& monitor, const std::string& name);

// The same of a generation that runs, with its maps open: those of side `active`, and the other
// side of metrics whose bit is in `both`. Throws Error{failed} with the pin of a map that has
// vanished, which of one that was replaced only means that it was read.
std::vector<MetricSource> current_sources(const Store& store, GenerationMaps& maps,
                                          const GenerationRecord& record, Side active,
                                          std::uint64_t both);

} // namespace dynmon
