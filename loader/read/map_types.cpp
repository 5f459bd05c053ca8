#include "read/map_types.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "object/trusted_file.hpp"
#include "store/bpffs.hpp"
#include "store/generation.hpp"

namespace dynmon {

namespace {

BtfPtr btf_from(const std::vector<std::byte>& bytes) {
    return BtfPtr(btf__new(bytes.data(), static_cast<__u32>(bytes.size())));
}

// The metric that is made of the map: the one that led to it, or else the first.
const MetricConfig* metric_of(const Manifest& manifest, const std::string& map,
                              const std::string& metric) {
    const MetricConfig* first = nullptr;
    for (const PathConfig& path : manifest.paths)
        for (const MetricConfig& candidate : path.metrics) {
            if (candidate.map_name != map)
                continue;
            if (candidate.name == metric)
                return &candidate;
            if (first == nullptr)
                first = &candidate;
        }
    return first;
}

// A map of a monitor lies beside the record and the BTF of its generation: they know types that
// the kernel does not keep (queues), and need no privilege beyond the pin's.
MapTypes types_from_record(const FoundMap& found) {
    const std::size_t slash = found.pin_path.rfind('/');
    if (slash == std::string::npos)
        return {};
    const GenerationDir dir(found.pin_path.substr(0, slash));
    if (!dir.has_record())
        return {};
    const GenerationRecord record = dir.read_record();
    for (const MapRecord& map : record.maps)
        for (const Side side : {Side::a, Side::b}) {
            if (dir.map_path(map, side) != found.pin_path)
                continue;
            MapTypes types{map.name, dir.read_btf(record), map.key_type_id, map.value_type_id};
            types.of_monitor = true;
            if (const MetricConfig* metric = metric_of(record.manifest, map.name, found.metric)) {
                types.formats = metric->formats;
                types.merge = metric->merge;
                types.merge_fields = metric->merge_fields;
            }
            return types;
        }
    return {};
}

MapTypes types_from_kernel(const MapFacts& facts) {
    MapTypes types{.name = facts.name};
    if (facts.key_type_id == 0 && facts.value_type_id == 0)
        return types;
    if (const Fd fd = try_open_btf(facts.btf_id))
        types.btf = btf_from(btf_bytes(fd));
    types.key_id = facts.key_type_id;
    types.value_id = facts.value_type_id;
    return types;
}

// The type that a member like `__type(value, struct x)` points to; 0: there is no such member.
std::uint32_t pointee(const btf* types, const btf_type* definition, std::string_view name) {
    const auto* members = btf_members(definition);
    for (int i = 0; i < btf_vlen(definition); ++i) {
        if (btf__name_by_offset(types, members[i].name_off) != name)
            continue;
        const btf_type* type = btf__type_by_id(types, members[i].type);
        if (type != nullptr && btf_is_array(type)) // __array(values, …)
            type = btf__type_by_id(types, btf_array(type)->type);
        return type != nullptr && btf_is_ptr(type) ? type->type : 0;
    }
    return 0;
}

const btf_type* structure(const btf* types, std::uint32_t id) {
    const int bare = btf__resolve_type(types, id);
    const btf_type* type = bare < 0 ? nullptr : btf__type_by_id(types, static_cast<__u32>(bare));
    return type != nullptr && btf_is_struct(type) ? type : nullptr;
}

struct Definition {
    std::string name;
    const btf_type* type = nullptr;
};

// The variable of .maps whose name starts as the kernel's does. Two of them: nobody knows which.
Definition find_definition(const btf* types, const std::string& name) {
    Definition found;
    const int id = btf__find_by_name_kind(types, ".maps", BTF_KIND_DATASEC);
    if (id < 0)
        return found;
    const btf_type* section = btf__type_by_id(types, static_cast<__u32>(id));
    for (int i = 0; i < btf_vlen(section); ++i) {
        const btf_type* variable = btf__type_by_id(types, btf_var_secinfos(section)[i].type);
        if (variable == nullptr || !btf_is_var(variable))
            continue;
        const std::string whole = btf__name_by_offset(types, variable->name_off);
        const bool same = whole == name;
        if (!same && (name.size() < BPF_OBJ_NAME_LEN - 1 || !whole.starts_with(name)))
            continue;
        if (!same && found.type != nullptr)
            return {};
        found = {whole, structure(types, variable->type)};
        if (same)
            return found;
    }
    return found;
}

// Global data: the section that the name ends with ("prog.bss"), if it has the map's size.
std::uint32_t find_section(const btf* types, const MapFacts& facts) {
    const std::size_t dot = facts.name.find('.');
    if (dot == std::string::npos)
        return 0;
    const int id = btf__find_by_name_kind(types, facts.name.c_str() + dot, BTF_KIND_DATASEC);
    const btf_type* section = id < 0 ? nullptr : btf__type_by_id(types, static_cast<__u32>(id));
    return section != nullptr && section->size == facts.value_size ? static_cast<__u32>(id) : 0;
}

// `id`, unless its type has another size than the map says: then it is another map's, and 0.
std::uint32_t of_size(const btf* types, std::uint32_t id, std::uint32_t size) {
    return id != 0 && btf__resolve_size(types, id) == size ? id : 0;
}

// What `types` say of the map. Sizes unlike the map's: it is another map of that name.
MapTypes types_by_definition(BtfPtr btf, const MapFacts& facts) {
    MapTypes types{.name = facts.name};
    if (!btf)
        return types;
    if (const std::uint32_t section = find_section(btf.get(), facts)) {
        types.value_id = section;
        types.btf = std::move(btf);
        return types;
    }
    const Definition found = find_definition(btf.get(), facts.name);
    if (found.type == nullptr)
        return types;
    types.key_id = of_size(btf.get(), pointee(btf.get(), found.type, "key"), facts.key_size);
    types.value_id = of_size(btf.get(), pointee(btf.get(), found.type, "value"), facts.value_size);
    // The value of such a map is a descriptor, whatever its definition says.
    if (facts.type == BPF_MAP_TYPE_ARRAY_OF_MAPS || facts.type == BPF_MAP_TYPE_HASH_OF_MAPS)
        types.value_id = 0;
    types.name = found.name;
    types.btf = std::move(btf);
    return types;
}

MapTypes types_from_program(const MapFacts& facts) {
    MapTypes types{.name = facts.name};
    for_each_user(facts.id, [&](const ProgramFacts& program) {
        if (const Fd fd = try_open_btf(program.btf_id))
            types = types_by_definition(btf_from(btf_bytes(fd)), facts);
        return types.btf != nullptr;
    });
    return types;
}

MapTypes types_from_object(const MapFacts& facts, const std::string& path) {
    const Object object = Object::parse(read_named(path, limits::object_bytes), path);
    MapTypes types = types_by_definition(btf_from(object.btf_bytes()), facts);
    if (types.btf)
        return types;
    std::string names;
    for (const MapInfo& map : object.maps())
        names += (names.empty() ? "" : ", ") + map.name;
    throw Error(ErrorKind::usage, "no map '" + facts.name + "' in " + path)
        .hint("its maps: " + (names.empty() ? "none" : names));
}

} // namespace

MapTypes types_of_map(const MapFacts& facts, const FoundMap& map, const std::string& object_path) {
    if (!object_path.empty())
        return types_from_object(facts, object_path);
    MapTypes types = types_from_record(map);
    if (!types.btf)
        types = types_from_kernel(facts);
    if (!types.btf)
        types = types_from_program(facts);
    return types;
}

MapTypes types_of_inner_maps(const MapTypes& outer, const MapFacts& inner) {
    MapTypes types = types_from_kernel(inner);
    if (types.btf || !outer.btf)
        return types;
    const Definition found = find_definition(outer.btf.get(), outer.name);
    if (found.type == nullptr)
        return types;
    const btf_type* definition =
        structure(outer.btf.get(), pointee(outer.btf.get(), found.type, "values"));
    if (definition == nullptr)
        return types;
    types = copy_types(outer);
    types.key_id =
        of_size(types.btf.get(), pointee(types.btf.get(), definition, "key"), inner.key_size);
    types.value_id =
        of_size(types.btf.get(), pointee(types.btf.get(), definition, "value"), inner.value_size);
    return types;
}

MapTypes copy_types(const MapTypes& types) {
    MapTypes copy{types.name, nullptr, types.key_id, types.value_id};
    std::uint32_t size = 0;
    if (const void* data = types.btf ? btf__raw_data(types.btf.get(), &size) : nullptr)
        copy.btf.reset(btf__new(data, size));
    return copy;
}

Layout key_layout(const btf* types, std::uint32_t type_id, const MapFacts& facts,
                  const Formats& formats) {
    const bool trie = facts.type == BPF_MAP_TYPE_LPM_TRIE;
    if (types == nullptr || type_id == 0)
        return trie ? untyped_trie_key(facts.key_size) : untyped_layout(facts.key_size);
    Layout key = build_layout(types, type_id, facts.key_size, "key", formats);
    if (trie)
        mark_trie_key(key);
    return key;
}

Layout value_layout(const btf* types, std::uint32_t type_id, const MapFacts& facts,
                    const Formats& formats) {
    return types == nullptr || type_id == 0
               ? untyped_layout(facts.value_size)
               : build_layout(types, type_id, facts.value_size, "value", formats);
}

Layout key_layout(const MapTypes& types, const MapFacts& facts) {
    return key_layout(types.btf.get(), types.key_id, facts, types.formats);
}

Layout value_layout(const MapTypes& types, const MapFacts& facts) {
    return value_layout(types.btf.get(), types.value_id, facts, types.formats);
}

} // namespace dynmon
