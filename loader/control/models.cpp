// SPDX-License-Identifier: BSD-2-Clause
#include "control/models.hpp"

#include <cstring>

#include <linux/types.h>

#include "../../bpf/forest_abi.h"
#include "base/error.hpp"
#include "base/text.hpp"
#include "control/chain_lookup.hpp"
#include "object/btf_ptr.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t only = 0; // the key of a model in its map

// As struct dynmon_verdicts of bpf/forest.h, of each CPU.
static_assert(sizeof(Verdicts) == 3 * sizeof(std::uint64_t));

Fd open_map(const GenerationDir& dir, const GenerationRecord& record, const std::string& name,
            MapType type) {
    const MapRecord* const map = record.map(name);
    if (map == nullptr || map->type != type || map->swapped)
        throw Error(ErrorKind::usage, "monitor '" + record.monitor + "' has no map '" + name +
                                          "' of the kind that forest.h makes");
    return dir.open_map(*map, Side::a).fd;
}

std::string hex_of(const std::uint8_t (&bytes)[8]) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes)
        text += {digits[byte >> 4], digits[byte & 15]};
    return text;
}

} // namespace

const char* to_string(ModelSlot slot) {
    return slot == ModelSlot::active ? "active" : "shadow";
}

Models Models::open(const Settings& settings, const std::string& monitor, const std::string& map,
                    Access access) {
    const Store store = settings.open_store(false);
    store.require_monitor(monitor);
    Models models;
    if (access == Access::write)
        models.writing_ = store.lock_monitor(monitor, DirectoryLock::Mode::exclusive);
    const auto lock = store.try_lock(DirectoryLock::Mode::shared); // until the pins are open
    store.require_monitor(monitor);
    const GenerationDir dir = current_generation(store, monitor);
    const GenerationRecord record = dir.read_record();
    const BtfPtr types = dir.read_btf(record);
    models.place_ = find_model_place(types.get(), map, "monitor '" + monitor + "'");
    models.slots_ = open_map(dir, record, models.place_.map, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    models.verdicts_ =
        open_map(dir, record, models.place_.map + "_verdicts", BPF_MAP_TYPE_PERCPU_ARRAY);
    require_value_size(map_facts(models.verdicts_), models.place_.map + "_verdicts",
                       sizeof(Verdicts));
    return models;
}

std::optional<SetModel> Models::model(ModelSlot slot) const {
    std::uint32_t id = 0;
    if (!lookup_element(slots_, &slot, &id))
        return std::nullopt;
    const Fd map = try_open_map(id);
    if (!map)
        return std::nullopt; // replaced meanwhile
    const MapFacts facts = map_facts(map);
    require_value_size(facts, facts.name, place_.value_bytes);
    std::vector<std::byte> value(place_.value_bytes);
    lookup_element(map, &only, value.data());
    dynmon_forest forest;
    std::memcpy(&forest, value.data(), sizeof forest);
    if (forest.version != DYNMON_FOREST_VERSION)
        return std::nullopt;
    return SetModel{.slot = slot,
                    .hash = hex_of(forest.hash),
                    .trees = forest.trees,
                    .depth = forest.depth,
                    .features = forest.features};
}

Verdicts Models::verdicts(ModelSlot slot) const {
    std::vector<Verdicts> cpus(possible_cpus());
    lookup_element(verdicts_, &slot, cpus.data());
    Verdicts sum;
    for (const Verdicts& cpu : cpus) {
        sum.judged += cpu.judged;
        sum.attacks += cpu.attacks;
        sum.alone += cpu.alone;
    }
    return sum;
}

void Models::set(ModelSlot slot, const ForestImage& image) const {
    std::vector<std::byte> value(place_.value_bytes);
    if (image.bytes().size() > value.size())
        throw Error(ErrorKind::usage, "the model has more nodes than the probe has room for");
    std::memcpy(value.data(), image.bytes().data(), image.bytes().size());
    // As the kernel compares it with what DYNMON_FOREST declares: size and flags have to be those.
    const Fd map = create_map(
        {.type = BPF_MAP_TYPE_ARRAY, .name = "dynmon_model", .value_size = place_.value_bytes});
    update_element(map, &only, value.data());
    // The kernel waits for the programs that still see the old one before this returns.
    const int fd = map.get();
    update_element(slots_, &slot, &fd);
}

void Models::clear(ModelSlot slot) const {
    delete_element(slots_, &slot);
}

} // namespace dynmon
