// SPDX-License-Identifier: BSD-2-Clause
#include "source/typed_map.hpp"

#include <algorithm>
#include <vector>

#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "decode/merge_rule.hpp"
#include "format/merged_metric.hpp"
#include "format/shape.hpp"
#include "kernel/clock.hpp"
#include "source/find_map.hpp"
#include "source/listing.hpp"
#include "source/map_kind.hpp"

namespace dynmon {

namespace {

Layout byte_array(std::uint32_t size, Layout::Kind element, Semantic semantic) {
    Layout array{.kind = Layout::Kind::array,
                 .semantic = semantic,
                 .size = size,
                 .count = size,
                 .stride = 1};
    array.fields.push_back(Layout{.kind = element, .size = 1});
    return array;
}

} // namespace

std::uint32_t SyntheticStruct::member(std::string name, Layout layout) {
    const std::uint32_t at = layout_.size;
    layout.name = std::move(name);
    shift(layout, at);
    layout_.size += layout.size;
    layout_.fields.push_back(std::move(layout));
    return at;
}

std::uint32_t SyntheticStruct::number(std::string name, std::uint32_t size, Semantic semantic) {
    return member(std::move(name),
                  Layout{.kind = Layout::Kind::integer, .semantic = semantic, .size = size});
}

std::uint32_t SyntheticStruct::text(std::string name, std::uint32_t size) {
    return member(std::move(name), byte_array(size, Layout::Kind::character, Semantic::text));
}

std::uint32_t SyntheticStruct::bytes(std::string name, std::uint32_t size) {
    return member(std::move(name), byte_array(size, Layout::Kind::integer, Semantic::hex));
}

void store_text(std::byte* at, std::uint32_t room, std::string_view text) {
    std::memset(at, 0, room);
    std::memcpy(at, text.data(), std::min<std::size_t>(text.size(), room - 1));
}

namespace {

// A map of others may not have been written in the namespace at hand.
std::shared_ptr<const EnumSet> numbered(const EnumSet& interfaces) {
    auto names = std::make_shared<EnumSet>(interfaces);
    names->numbered = true;
    return names;
}

// Whose keys and values are what programs wrote, and not the ids of objects of the kernel.
bool is_typed_by_programs(MapType type) {
    switch (map_kind(type)) {
    case MapKind::plain:
    case MapKind::trie:
    case MapKind::queue:
    case MapKind::task_storage:
    case MapKind::cgroup_storage:
    case MapKind::socket_storage:
    case MapKind::unknown:
        return true;
    default:
        return false;
    }
}

} // namespace

TypedMap::TypedMap(FoundMap map, const std::string& object)
    : map_(std::move(map.fd)), facts_(map_facts(map_)) {
    MapTypes types = types_of_map(facts_, map, object);
    listing_ = make_listing(map_, facts_, types);
    if (is_typed_by_programs(facts_.type))
        untyped_ = types.missing;
    view_.name = types.name.empty() ? facts_.name : types.name;
    view_.map_name = view_.name;
    view_.map_type = facts_.type;
    view_.key = listing_->key;
    view_.value = listing_->value;
    view_.cpus = listing_->cpus;
    view_.merge_fields = std::move(types.merge_fields);
    // No manifest says what adds up in a map of others.
    view_.merge = !types.of_monitor
                      ? Merge::none
                      : types.merge.value_or(default_merge(view_.value, view_.merge_fields));
    if (has_interfaces(view_)) {
        std::shared_ptr<const EnumSet> names = interfaces_of(map);
        if (names && !types.of_monitor)
            names = numbered(*names);
        name_interfaces(view_, names);
    }
}

TypedMap::TypedMap(TypedMap&&) noexcept = default;
TypedMap& TypedMap::operator=(TypedMap&&) noexcept = default;
TypedMap::~TypedMap() = default;

TypedMap TypedMap::pinned(const std::string& path, const std::string& object) {
    return TypedMap({.fd = open_map_pin(path), .pin_path = path}, object);
}

TypedMap TypedMap::by_id(std::uint32_t id, const std::string& object) {
    return TypedMap({.fd = open_map_id(id)}, object);
}

TypedMap TypedMap::by_name(const std::string& name, const std::string& object) {
    return TypedMap({.fd = open_map_name(name), .name = name}, object);
}

void TypedMap::set_merge(Merge merge) {
    view_.merge = merge;
    view_.merge_fields.clear();
    MergedMetric fits(view_);
}

void TypedMap::for_each(
    const std::function<void(std::string_view, std::string_view)>& visit) const {
    MergedMetric merged(view_);
    const MetricView& view = merged.view();
    const JsonPlan value_plan(view.value, Style::decoded);
    const std::optional<JsonPlan> key_plan =
        view.key ? std::optional<JsonPlan>(std::in_place, *view.key, Style::decoded) : std::nullopt;
    const std::size_t stride = cpu_stride(view);
    std::string key;
    std::string value;
    for_each_batch(Take::look, [&](const Batch& raw) {
        const Batch batch = merged.merge(raw);
        for (std::size_t i = 0; i < batch.count; ++i) {
            const std::byte* bytes = batch.values + i * batch.value_stride;
            key.clear();
            value.clear();
            if (key_plan)
                key_plan->append(batch.keys + i * batch.key_stride, key);
            if (view.cpus == 0)
                value_plan.append(bytes, value);
            for (std::size_t cpu = 0; cpu < view.cpus; ++cpu) {
                value += cpu == 0 ? '[' : ',';
                value_plan.append(bytes + cpu * stride, value);
            }
            if (view.cpus > 0)
                value += ']';
            visit(key, value);
        }
    });
}

void TypedMap::for_each_batch(Take take, const std::function<void(const Batch&)>& visit) const {
    const auto walk = listing_->walk(map_, take, jobs_);
    Batch batch;
    while (walk->next(batch))
        visit(batch);
}

void TypedMap::print(const ExportOptions& options, Take take, Sink& sink) const {
    const std::uint64_t now = epoch_ns();
    ExportOptions dated = options;
    dated.now_ns = now;
    require_shape(dated, {&view_});
    const auto exporter = make_exporter(dated, sink);
    exporter->begin_document("", {.sequence = 0, .from_ns = now, .to_ns = now, .generation = 0});
    exporter->begin_metric(view_);
    const auto walk = listing_->walk(map_, take, jobs_);
    Batch batch;
    while (walk->next(batch))
        exporter->entries(batch);
    exporter->end_metric(epoch_ns() / 1000);
    exporter->end_document();
    exporter->finish();
    sink.flush();
    if (walk->approximate() &&
        (is_hash_like(facts_.type) || map_kind(facts_.type) == MapKind::unknown))
        warn_approximate("map '" + view_.name + "'");
}

} // namespace dynmon
