// SPDX-License-Identifier: BSD-2-Clause
#include "source/map_types.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "object/object_types.hpp"
#include "source/map_definition.hpp"
#include "state/bpffs.hpp"
#include "state/generation.hpp"

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
            MapTypes types{.name = map.name,
                           .btf = dir.read_btf(record),
                           .key_id = map.key_type_id,
                           .value_id = map.value_type_id};
            if (const auto definition = definition_named(types.btf.get(), map.name)) {
                types.inner_key_id = definition->inner_key;
                types.inner_value_id = definition->inner_value;
            }
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

// What to call the map, beyond what the kernel keeps of its name: as the user does, or its pin.
std::string whole_name(const FoundMap& found) {
    return found.name.empty() ? found.pin_path.substr(found.pin_path.rfind('/') + 1) : found.name;
}

bool is_alike(const std::vector<MapDefinition>& definitions) {
    const MapDefinition& first = definitions.front();
    return std::all_of(
        definitions.begin(), definitions.end(), [&](const MapDefinition& definition) {
            return definition.key_id == first.key_id && definition.value_id == first.value_id &&
                   definition.inner_key == first.inner_key &&
                   definition.inner_value == first.inner_value;
        });
}

std::string names_of(const std::vector<MapDefinition>& definitions) {
    std::string names;
    for (const MapDefinition& definition : definitions)
        names += (names.empty() ? "'" : ", '") + definition.name + "'";
    return names;
}

// What `btf` says of the map, or, in `missing`, why that is nothing. `where` names its file.
MapTypes types_by_definition(BtfPtr btf, const MapFacts& facts, const FoundMap& map,
                             const std::string& where) {
    MapTypes types{.name = facts.name};
    const std::vector<MapDefinition> found = find_definitions(btf.get(), facts, whole_name(map));
    if (found.empty()) {
        types.missing = "no map '" + facts.name + "' in " + where;
        return types;
    }
    const MapDefinition& definition = found.front();
    if (!is_alike(found)) {
        types.missing = "ambiguous: " + names_of(found) + " in " + where + " all begin with '" +
                        facts.name + "', which is all that the kernel keeps of a name";
        return types;
    }
    if (const std::string problem = misfit(btf.get(), definition, facts); !problem.empty()) {
        types.missing = "'" + definition.name + "' in " + where + " " + problem;
        return types;
    }
    if (found.size() == 1)
        types.name = definition.name;
    types.key_id = definition.key_id;
    types.value_id = definition.value_id;
    types.inner_key_id = definition.inner_key;
    types.inner_value_id = definition.inner_value;
    if (types.key_id == 0 && types.value_id == 0)
        types.missing = "the definition of '" + types.name + "' in " + where + " names no types";
    types.btf = std::move(btf);
    return types;
}

MapTypes types_from_program(const MapFacts& facts, const FoundMap& map) {
    MapTypes types{.name = facts.name,
                   .missing = "neither the kernel nor a program that uses it has any"};
    for_each_user(facts.id, [&](const ProgramFacts& program) {
        if (const Fd fd = try_open_btf(program.btf_id))
            if (BtfPtr btf = btf_from(btf_bytes(fd)))
                types = types_by_definition(std::move(btf), facts, map,
                                            "program '" + program.name + "'");
        return types.btf != nullptr;
    });
    return types;
}

MapTypes types_from_object(const MapFacts& facts, const FoundMap& map, const std::string& path) {
    BtfPtr btf = read_object_types(path);
    const std::string known = names_of(all_definitions(btf.get()));
    MapTypes types = types_by_definition(std::move(btf), facts, map, path);
    if (!types.btf)
        throw Error(ErrorKind::usage, types.missing)
            .hint("its maps: " + (known.empty() ? "none" : known))
            .or_hint(
                "of names that begin alike, `name WHOLE_NAME` or a pin of that name says which");
    return types;
}

} // namespace

MapTypes types_of_map(const MapFacts& facts, const FoundMap& map, const std::string& object_path) {
    if (!object_path.empty())
        return types_from_object(facts, map, object_path);
    MapTypes types = types_from_record(map);
    if (!types.btf)
        types = types_from_kernel(facts);
    if (!types.btf)
        types = types_from_program(facts, map);
    return types;
}

MapTypes types_of_inner_maps(const MapTypes& outer, const MapFacts& inner) {
    MapTypes types = types_from_kernel(inner);
    if (types.btf || !outer.btf)
        return types;
    types = copy_types(outer);
    const MapDefinition definition{
        .name = outer.name, .key_id = outer.inner_key_id, .value_id = outer.inner_value_id};
    const bool fits = misfit(types.btf.get(), definition, inner).empty();
    types.key_id = fits ? definition.key_id : 0;
    types.value_id = fits ? definition.value_id : 0;
    return types;
}

MapTypes copy_types(const MapTypes& types) {
    MapTypes copy{.name = types.name,
                  .key_id = types.key_id,
                  .value_id = types.value_id,
                  .inner_key_id = types.inner_key_id,
                  .inner_value_id = types.inner_value_id};
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
