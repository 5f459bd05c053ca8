// SPDX-License-Identifier: BSD-2-Clause
#include "model/place.hpp"

#include <string_view>

#include <bpf/btf.h>

#include "../../bpf/forest_abi.h"
#include "base/error.hpp"
#include "btf/btf_type.hpp"

namespace dynmon {

namespace {

constexpr std::string_view mark = "dynmon_model_";

std::uint32_t size_of(const btf* types, std::uint32_t id) {
    const std::int64_t size = id == 0 ? 0 : btf__resolve_size(types, id);
    return size > 0 && size <= UINT32_MAX ? static_cast<std::uint32_t>(size) : 0;
}

} // namespace

std::vector<ModelPlace> model_places(const btf* types) {
    std::vector<ModelPlace> places;
    const std::uint32_t count = types == nullptr ? 0 : btf__type_cnt(types);
    for (std::uint32_t id = 1; id < count; ++id) {
        const btf_type* const type = btf__type_by_id(types, id);
        const char* const variable =
            btf_is_var(type) ? btf__name_by_offset(types, type->name_off) : "";
        if (variable == nullptr || !std::string_view(variable).starts_with(mark))
            continue;
        const std::string map = variable + mark.size();
        const std::uint32_t model = size_of(types, pointed_type(types, variable));
        const std::uint32_t judged = pointed_type(types, "dynmon_features_" + map);
        const std::uint32_t source = size_of(types, judged);
        if (model < sizeof(dynmon_forest) || source == 0 || source % 8 != 0)
            throw Error(ErrorKind::usage, "'" + map + "' is no place for a model")
                .hint("a probe makes one by DYNMON_FOREST(" + map + ", …)");
        places.push_back({.map = map,
                          .source = build_layout(types, judged, source, "features"),
                          .value_bytes = model,
                          .room = (model - sizeof(dynmon_forest)) / sizeof(dynmon_node)});
    }
    return places;
}

ModelPlace find_model_place(const btf* types, const std::string& map, const std::string& whose) {
    const std::vector<ModelPlace> places = model_places(types);
    if (places.empty())
        throw Error(ErrorKind::usage, whose + " has no place for a model")
            .hint("a probe makes one by DYNMON_FOREST(), see forest.h");
    std::string names;
    for (const ModelPlace& place : places) {
        if (place.map == map || (map.empty() && places.size() == 1))
            return place;
        names += (names.empty() ? "" : ", ") + place.map;
    }
    throw Error(ErrorKind::usage, map.empty() ? whose + " has several places for models"
                                              : whose + " has no place '" + map + "' for a model")
        .hint("--map NAME takes one of " + names);
}

} // namespace dynmon
