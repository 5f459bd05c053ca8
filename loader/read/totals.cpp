#include "read/totals.hpp"

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "kernel/bpf.hpp"
#include "read/map_reader.hpp"
#include "store/bpffs.hpp"

namespace dynmon {

namespace {

std::uint32_t value_size(const SeriesTable& shape) {
    return static_cast<std::uint32_t>((1 + shape.value_count()) * sizeof(std::uint64_t));
}

// Numbers of other series or buckets may well have the same size: the name tells them apart.
std::string map_name(const SeriesTable& shape) {
    std::uint32_t hash = 2166136261; // FNV-1a
    for (const char c : shape.shape())
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
    char name[BPF_OBJ_NAME_LEN];
    std::snprintf(name, sizeof name, "totals_%08x", hash);
    return name;
}

bool fits(const Fd& map, const SeriesTable& shape) {
    const MapFacts facts = map_facts(map);
    return facts.key_size == shape.id_size() && facts.value_size == value_size(shape) &&
           facts.name == map_name(shape);
}

std::uint64_t add(std::uint64_t total, std::uint64_t more, bool real) {
    if (!real)
        return total + more;
    return std::bit_cast<std::uint64_t>(std::bit_cast<double>(total) + std::bit_cast<double>(more));
}

} // namespace

std::string totals_name(Direction direction, const std::string& metric) {
    return std::string("totals-") + to_string(direction) + "-" + metric;
}

Totals Totals::open_existing(const std::string& path, const SeriesTable& shape) {
    Fd map = try_open_pin(path);
    return Totals(map && fits(map, shape) ? std::move(map) : Fd());
}

Totals Totals::open(const std::string& path, const SeriesTable& shape) {
    Totals totals = open_existing(path, shape);
    if (totals.map_)
        return totals;
    remove_pin(path);
    Fd map = create_map(
        {.type = BPF_MAP_TYPE_HASH,
         .name = map_name(shape),
         .key_size = static_cast<std::uint32_t>(shape.id_size()),
         .value_size = value_size(shape),
         .max_entries = static_cast<std::uint32_t>(shape.metric().open_metrics->max_series),
         .flags = BPF_F_NO_PREALLOC});
    pin(map, path);
    return Totals(std::move(map));
}

// Each element is written once and whole, with the window's id in it: that is what makes a fold
// that was interrupted safe to repeat.
std::uint64_t Totals::fold(std::uint64_t window, const SeriesTable& table) const {
    std::uint64_t without_room = 0;
    if (!map_)
        return without_room;
    std::vector<std::uint64_t> element(1 + table.value_count());
    const SeriesRows& rows = table.rows();
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
        const char* const id = rows.id(row).data();
        if (!lookup_element(map_, id, element.data()))
            element.assign(element.size(), 0);
        else if (element[0] == window)
            continue;
        element[0] = window;
        for (std::size_t i = 0; i < table.value_count(); ++i)
            element[i + 1] = add(element[i + 1], rows.numbers(row)[i], table.is_real(i));
        try {
            update_element(map_, id, element.data());
        } catch (const Error& error) {
            if (error.error_number() != E2BIG)
                throw;
            ++without_room;
        }
    }
    return without_room;
}

void Totals::add_to(SeriesTable& table) const {
    if (!map_)
        return;
    MapReader reader(map_, map_facts(map_), Take::look);
    Batch batch;
    std::vector<std::uint64_t> element(1 + table.value_count());
    while (reader.next(batch)) {
        for (std::size_t i = 0; i < batch.count; ++i) {
            std::memcpy(element.data(), batch.values + i * batch.value_stride,
                        element.size() * sizeof(std::uint64_t));
            table.add_total(batch.keys + i * batch.key_stride, element.data() + 1);
        }
    }
}

} // namespace dynmon
