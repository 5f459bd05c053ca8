#include "read/typed_map.hpp"

#include <cerrno>
#include <vector>

#include <sys/stat.h>

#include "base/error.hpp"
#include "export/shape.hpp"
#include "kernel/clock.hpp"
#include "kernel/device.hpp"
#include "layout/decode_plan.hpp"
#include "store/bpffs.hpp"
#include "store/generation.hpp"

namespace dynmon {

namespace {

struct Types {
    BtfPtr btf;
    std::uint32_t key_id = 0;
    std::uint32_t value_id = 0;
    std::string name; // as in C; the kernel keeps 15 characters
};

// A map of a monitor lies beside the record and the BTF of its generation: they know types that
// the kernel does not keep (queues), and need no privilege beyond the pin's.
Types types_from_record(const std::string& pin_path) {
    const std::size_t slash = pin_path.rfind('/');
    if (slash == std::string::npos)
        return {};
    const GenerationDir dir(pin_path.substr(0, slash));
    if (!exists(dir.path() + "/dynmon-record"))
        return {};
    const GenerationRecord record = dir.read_record();
    for (const MapRecord& map : record.maps)
        for (const Side side : {Side::a, Side::b})
            if (dir.map_path(map, side) == pin_path)
                return {dir.read_btf(), map.key_type_id, map.value_type_id, map.name};
    return {};
}

Types types_from_kernel(const MapFacts& facts) {
    Types types;
    const Fd fd = try_open_btf(facts.btf_id);
    if (!fd)
        return types;
    const std::vector<std::byte> bytes = btf_bytes(fd);
    types.btf.reset(btf__new(bytes.data(), static_cast<__u32>(bytes.size())));
    types.key_id = facts.key_type_id;
    types.value_id = facts.value_type_id;
    return types;
}

Layout layout_of(const Types& types, std::uint32_t id, std::uint32_t size, std::string_view root) {
    return types.btf && id != 0 ? build_layout(types.btf.get(), id, size, root)
                                : untyped_layout(size);
}

Fd open_map_pin(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0)
        throw Error(ErrorKind::usage, "no pin " + path, errno)
            .hint("MAP is a path in bpffs, `id N` or `name N`");
    if (S_ISDIR(status.st_mode))
        throw Error(ErrorKind::usage, path + " is a directory, not a map");
    Fd pinned = open_pin(path);
    if (object_kind(pinned) != "bpf-map")
        throw Error(ErrorKind::usage, path + " is not a map: it is a " + object_kind(pinned));
    return pinned;
}

} // namespace

TypedMap::TypedMap(Fd map, const std::string& pin_path)
    : map_(std::move(map)), facts_(map_facts(map_)) {
    Types types = types_from_record(pin_path);
    if (!types.btf)
        types = types_from_kernel(facts_);
    view_.name = types.name.empty() ? facts_.name : types.name;
    view_.map_name = view_.name;
    view_.map_type = facts_.type;
    view_.value = layout_of(types, types.value_id, facts_.value_size, "value");
    if (!is_queue_like(facts_.type))
        view_.key = layout_of(types, types.key_id, facts_.key_size, "key");
    view_.cpus = is_per_cpu(facts_.type) ? possible_cpus() : 0;
    if (has_interfaces(view_))
        name_interfaces(view_, device_names());
}

TypedMap TypedMap::pinned(const std::string& path) {
    return TypedMap(open_map_pin(path), path);
}

TypedMap TypedMap::by_id(std::uint32_t id) {
    Fd map = try_open_map(id);
    if (!map)
        throw Error(ErrorKind::usage, "open map id " + std::to_string(id), errno)
            .hint("`bpftool map` lists the ids; needs CAP_SYS_ADMIN, unlike a pinned path");
    return TypedMap(std::move(map), "");
}

TypedMap TypedMap::by_name(const std::string& name) {
    Fd found;
    std::string ids;
    std::size_t count = 0;
    for (auto id = next_map_id(0); id; id = next_map_id(*id)) {
        Fd map = try_open_map(*id);
        // The kernel keeps the first 15 characters of a name.
        if (!map || map_facts(map).name != name.substr(0, BPF_OBJ_NAME_LEN - 1))
            continue;
        ids += (ids.empty() ? "" : ", ") + std::to_string(*id);
        found = std::move(map);
        ++count;
    }
    if (count == 0)
        throw Error(ErrorKind::usage, "no map has the name '" + name + "'")
            .hint("`bpftool map` lists them");
    if (count > 1)
        throw Error(ErrorKind::usage, std::to_string(count) + " maps have the name '" + name + "'")
            .hint("say which: `id N`, with N one of " + ids);
    return TypedMap(std::move(found), "");
}

void TypedMap::for_each(
    const std::function<void(std::string_view, std::string_view)>& visit) const {
    const JsonPlan value_plan(view_.value, Style::people);
    const std::optional<JsonPlan> key_plan =
        view_.key ? std::optional<JsonPlan>(std::in_place, *view_.key, Style::people)
                  : std::nullopt;
    const MergePlan merge(view_.value, view_.merge, view_.merge_fields);
    std::vector<std::byte> merged(view_.value.size);
    std::string key;
    std::string value;
    MapReader reader(map_, facts_, Take::look, jobs_);
    Batch batch;
    while (reader.next(batch)) {
        for (std::size_t i = 0; i < batch.count; ++i) {
            const std::byte* bytes = batch.values + i * batch.value_stride;
            if (view_.cpus > 0) {
                merge.merge(bytes, view_.cpus, batch.value_stride / view_.cpus, merged.data());
                bytes = merged.data();
            }
            key.clear();
            value.clear();
            if (key_plan)
                key_plan->append(batch.keys + i * batch.key_stride, key);
            value_plan.append(bytes, value);
            visit(key, value);
        }
    }
}

void TypedMap::for_each_batch(Take take, const std::function<void(const Batch&)>& visit) const {
    MapReader reader(map_, facts_, take, jobs_);
    Batch batch;
    while (reader.next(batch))
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
    for_each_batch(take, [&](const Batch& batch) { exporter->entries(batch); });
    exporter->end_metric(epoch_ns() / 1000);
    exporter->end_document();
    exporter->finish();
    sink.flush();
}

} // namespace dynmon
