// SPDX-License-Identifier: BSD-2-Clause
#include "source/totals.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "kernel/bpf.hpp"
#include "source/map_reader.hpp"
#include "source/map_types.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

bool is_counter(const Fd& map) {
    const MapFacts facts = map_facts(map);
    return facts.type == BPF_MAP_TYPE_PERCPU_ARRAY && facts.value_size == sizeof(std::uint64_t);
}

Fd beside_pin(const std::string& name, const std::string& pin_path) {
    const std::size_t slash = pin_path.rfind('/');
    if (slash == std::string::npos)
        return Fd();
    Fd map = try_open_pin(pin_path.substr(0, slash + 1) + name);
    return map && object_kind(map) == "bpf-map" && is_counter(map) ? std::move(map) : Fd();
}

Fd of_users(const MapFacts& ring, const std::string& name) {
    const std::string kept = name.substr(0, BPF_OBJ_NAME_LEN - 1);
    Fd found;
    for_each_user(ring.id, [&](const ProgramFacts& program) {
        for (const std::uint32_t id : program.map_ids) {
            Fd map = try_open_map(id);
            if (map && map_facts(map).name == kept && is_counter(map))
                found = std::move(map);
        }
        return static_cast<bool>(found);
    });
    return found;
}

} // namespace

LostCounter::LostCounter(const MapFacts& ring, const std::string& name,
                         const std::string& pin_path) {
    if (ring.type != BPF_MAP_TYPE_RINGBUF)
        return;
    map_ = beside_pin(name + "_lost", pin_path);
    if (!map_)
        map_ = of_users(ring, name + "_lost");
    before_ = read();
}

// Another process may have emptied it meanwhile.
std::uint64_t LostCounter::since_last_time() {
    const std::uint64_t now = read();
    const std::uint64_t before = std::exchange(before_, now);
    return now >= before ? now - before : now;
}

std::uint64_t LostCounter::read() const {
    if (!map_)
        return 0;
    const std::uint32_t only = 0;
    std::vector<std::uint64_t> by_cpu(possible_cpus());
    lookup_element(map_, &only, by_cpu.data());
    return std::accumulate(by_cpu.begin(), by_cpu.end(), std::uint64_t{0});
}

namespace {

constexpr std::size_t word = sizeof(std::uint64_t);

// Numbers of other series or buckets may well have the same size: the name tells them apart.
std::string map_name(const char* what, const SeriesTable& shape) {
    std::uint32_t hash = 2166136261; // FNV-1a
    for (const char c : shape.shape())
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
    char name[BPF_OBJ_NAME_LEN];
    std::snprintf(name, sizeof name, "%s_%08x", what, hash);
    return name;
}

std::string pin_path(const std::string& dir, const char* what, const SeriesTable& shape) {
    const MetricView& metric = shape.metric();
    return dir + "/" + what + "-" + to_string(metric.direction) + "-" + metric.name;
}

MapSpec series_spec(const SeriesTable& shape) {
    return {.type = BPF_MAP_TYPE_HASH,
            .name = map_name("totals", shape),
            .key_size = static_cast<std::uint32_t>(shape.id_size()),
            .value_size = static_cast<std::uint32_t>((1 + shape.value_count()) * word),
            .max_entries = static_cast<std::uint32_t>(shape.metric().open_metrics->max_series),
            .flags = BPF_F_NO_PREALLOC};
}

std::size_t words_of_id(const SeriesTable& shape) {
    return (shape.id_size() + word - 1) / word;
}

MapSpec rest_spec(const SeriesTable& shape) {
    const std::size_t words = 2 + 2 * shape.value_count() + words_of_id(shape);
    return {.type = BPF_MAP_TYPE_ARRAY,
            .name = map_name("rest", shape),
            .value_size = static_cast<std::uint32_t>(words * word)};
}

OpenedMap open_fitting(const std::string& path, const MapSpec& spec) {
    Fd map = try_open_pin(path);
    if (!map)
        return {};
    MapFacts facts = map_facts(map);
    const bool fits = facts.type == spec.type && facts.key_size == spec.key_size &&
                      facts.value_size == spec.value_size && facts.name == spec.name;
    return fits ? OpenedMap{std::move(map), std::move(facts)} : OpenedMap();
}

OpenedMap open_or_make(const std::string& path, const MapSpec& spec) {
    OpenedMap map = open_fitting(path, spec);
    if (map.fd)
        return map;
    remove_pin(path);
    map.fd = create_map(spec);
    map.facts = map_facts(map.fd);
    pin(map.fd, path);
    return map;
}

std::uint64_t sum_of(std::uint64_t total, std::uint64_t more, bool real) {
    if (!real)
        return total + more;
    return std::bit_cast<std::uint64_t>(std::bit_cast<double>(total) + std::bit_cast<double>(more));
}

void add_numbers(const SeriesTable& shape, const std::uint64_t* from, std::uint64_t* to) {
    for (std::size_t i = 0; i < shape.value_count(); ++i)
        to[i] = sum_of(to[i], from[i], shape.is_real(i));
}

bool any(const std::uint64_t* numbers, std::size_t count) {
    return std::any_of(numbers, numbers + count, [](std::uint64_t number) { return number != 0; });
}

} // namespace

// What is beyond max_series, in one element, which is written whole: that a series has ended and
// that its count is among those of `ended` is one step. It is taken out of the series afterwards;
// if that did not happen it is in `moving` still.
struct Totals::RestRecord {
    explicit RestRecord(const SeriesTable& shape)
        : words(2 + 2 * shape.value_count() + words_of_id(shape)), count(shape.value_count()),
          id_size(shape.id_size()) {}

    std::uint64_t* other() { return words.data() + 2; } // what found no place
    std::uint64_t* ended() { return other() + count; }
    std::string_view id() const {
        return {reinterpret_cast<const char*>(words.data() + 2 + 2 * count), id_size};
    }

    // Whether what found no place in this window is in other(): that is added last, and at once.
    bool has(std::uint64_t window) const { return words[0] == window + 1; }
    void set_window(std::uint64_t window) { words[0] = window + 1; }

    std::optional<std::string_view> moving() const {
        return words[1] != 0 ? std::optional(id()) : std::nullopt;
    }
    void set_moving(std::string_view which) {
        words[1] = 1;
        std::memcpy(words.data() + 2 + 2 * count, which.data(), id_size);
    }
    void set_moved() { words[1] = 0; }

    std::vector<std::uint64_t> words;
    std::size_t count;
    std::size_t id_size;
};

struct Totals::Idle {
    std::string id;
    Element element;
};

Totals Totals::open_existing(const std::string& dir, const SeriesTable& shape) {
    OpenedMap series = open_fitting(pin_path(dir, "totals", shape), series_spec(shape));
    if (!series.fd)
        return Totals();
    return Totals(std::move(series),
                  open_fitting(pin_path(dir, "rest", shape), rest_spec(shape)).fd);
}

Totals Totals::open(const std::string& dir, const SeriesTable& shape) {
    OpenedMap series = open_or_make(pin_path(dir, "totals", shape), series_spec(shape));
    return Totals(std::move(series),
                  open_or_make(pin_path(dir, "rest", shape), rest_spec(shape)).fd);
}

Totals::RestRecord Totals::read_rest(const SeriesTable& shape) const {
    RestRecord record(shape);
    const std::uint32_t key = 0;
    if (rest_)
        lookup_element(rest_, &key, record.words.data());
    return record;
}

void Totals::write_rest(const RestRecord& record) const {
    const std::uint32_t key = 0;
    if (rest_)
        update_element(rest_, &key, record.words.data());
}

template <typename Visit>
void Totals::for_each(const SeriesTable& shape, Visit&& visit) const {
    MapReader reader(series_.fd, series_.facts, Take::look);
    Batch batch;
    Element element(1 + shape.value_count());
    while (reader.next(batch)) {
        for (std::size_t i = 0; i < batch.count; ++i) {
            std::memcpy(element.data(), batch.values + i * batch.value_stride,
                        element.size() * word);
            visit(batch.keys + i * batch.key_stride, element);
        }
    }
}

// Returns the rows of those that are not known, by their ids: the same order each time.
std::vector<std::uint32_t> Totals::add_known(std::uint64_t window, const SeriesTable& table) const {
    Element element(1 + table.value_count());
    const SeriesRows& rows = table.rows();
    std::vector<std::uint32_t> fresh;
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
        const bool counted = any(rows.numbers(row), table.value_count());
        if (!counted && rows.is_kept(row))
            continue; // has its place, and nothing new
        const char* const id = rows.id(row).data();
        if (!lookup_element(series_.fd, id, element.data())) {
            fresh.push_back(row);
            continue;
        }
        if (element[0] == window || !counted)
            continue;
        element[0] = window;
        add_numbers(table, rows.numbers(row), element.data() + 1);
        update_element(series_.fd, id, element.data());
    }
    std::sort(fresh.begin(), fresh.end(),
              [&](std::uint32_t a, std::uint32_t b) { return rows.id(a) < rows.id(b); });
    return fresh;
}

bool Totals::insert(std::uint64_t window, const SeriesTable& table, std::uint32_t row) const {
    Element element{window};
    const std::uint64_t* const numbers = table.rows().numbers(row);
    element.insert(element.end(), numbers, numbers + table.value_count());
    try {
        update_element(series_.fd, table.rows().id(row).data(), element.data());
        return true;
    } catch (const Error& error) {
        if (error.error_number() != E2BIG)
            throw;
        return false;
    }
}

// Those that may lose their places, the one first that has been idle for longest.
std::vector<Totals::Idle> Totals::idle_ones(std::uint64_t window, const SeriesTable& shape) const {
    std::vector<Idle> idle;
    for_each(shape, [&](const std::byte* id, const Element& element) {
        if (window >= element[0] + idle_windows)
            idle.push_back({{reinterpret_cast<const char*>(id), shape.id_size()}, element});
    });
    std::sort(idle.begin(), idle.end(), [](const Idle& a, const Idle& b) {
        return std::tie(a.element[0], a.id) < std::tie(b.element[0], b.id);
    });
    return idle;
}

// Each element is written once and whole, with the window's id in it: that is what makes a fold
// that was interrupted safe to repeat. The repeat has the same series, so it comes to the same
// decisions: those that have a place by now are known, and those that had found none are in the
// rest, which is written last. Places are given up behind that, to series of the windows to come:
// until a window is folded OpenMetrics shows it as it will be then.
bool Totals::fold(std::uint64_t window, const SeriesTable& table) const {
    if (!are_there())
        return true;
    RestRecord rest = read_rest(table);
    if (const auto id = rest.moving()) { // of a fold that was killed: it may come again below
        delete_element(series_.fd, id->data());
        rest.set_moved();
        write_rest(rest);
    }
    const std::vector<std::uint32_t> fresh = add_known(window, table);
    auto next = fresh.begin();
    if (!rest.has(window)) {
        while (next != fresh.end() && insert(window, table, *next))
            ++next;
        if (next == fresh.end() && !table.has_rest(SeriesTable::Rest::other))
            return true;
        for (auto row = next; row != fresh.end(); ++row)
            add_numbers(table, table.rows().numbers(*row), rest.other());
        if (table.has_rest(SeriesTable::Rest::other))
            add_numbers(table, table.numbers(table.rest_row(SeriesTable::Rest::other)),
                        rest.other());
        rest.set_window(window);
        write_rest(rest);
    }
    give_places_up(window, table, table.left_out() + static_cast<std::size_t>(fresh.end() - next),
                   rest);
    return false;
}

void Totals::give_places_up(std::uint64_t window, const SeriesTable& table, std::size_t most,
                            RestRecord& rest) const {
    std::vector<Idle> idle = idle_ones(window, table);
    idle.resize(std::min(idle.size(), most));
    for (const Idle& one : idle) {
        add_numbers(table, one.element.data() + 1, rest.ended());
        rest.set_moving(one.id);
        write_rest(rest);
        delete_element(series_.fd, one.id.data());
        rest.set_moved();
        write_rest(rest);
    }
}

// What found no place is added last, so where that is done all is.
void Totals::leave_out_folded(std::uint64_t window, SeriesTable& table) const {
    if (!are_there())
        return;
    if (read_rest(table).has(window))
        return table.clear_sums();
    Element element(1 + table.value_count());
    for (std::uint32_t row = 0; row < table.rows().size(); ++row)
        if (lookup_element(series_.fd, table.rows().id(row).data(), element.data()) &&
            element[0] == window)
            table.clear_sums(row);
}

void Totals::add_to(SeriesTable& table) const {
    if (!are_there())
        return;
    RestRecord rest = read_rest(table);
    for_each(table, [&](const std::byte* id, const Element& element) {
        if (rest.moving() != std::string_view(reinterpret_cast<const char*>(id), table.id_size()))
            table.add_total(id, element.data() + 1);
    });
    if (any(rest.other(), rest.count))
        table.add_rest(SeriesTable::Rest::other, rest.other());
    if (any(rest.ended(), rest.count))
        table.add_rest(SeriesTable::Rest::ended, rest.ended());
}

void Totals::keep_places(SeriesTable& table) const {
    if (!are_there())
        return;
    const RestRecord rest = read_rest(table);
    for_each(table, [&](const std::byte* id, const Element&) {
        if (rest.moving() != std::string_view(reinterpret_cast<const char*>(id), table.id_size()))
            table.keep_place(id);
    });
}

} // namespace dynmon
