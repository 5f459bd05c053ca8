// SPDX-License-Identifier: BSD-2-Clause
#include "control/limit.hpp"

#include <array>

#include "base/error.hpp"
#include "base/text.hpp"
#include "kernel/bpf.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

using Over = std::array<TakenOut, 2>; // dynmon_over of bpf/cost.h, by direction

} // namespace

std::optional<TakenOut> read_taken_out(const GenerationDir& dir, const ProgramRecord& program) {
    if (program.limit_ns == 0)
        return std::nullopt;
    const MapRecord record{.name = std::string(limit_map_name), .type = BPF_MAP_TYPE_ARRAY};
    const auto [map, facts] = dir.open_map(record, Side::a);
    require_value_size(facts, record.name, sizeof(Over));
    const std::uint32_t key = 0;
    Over over{};
    lookup_element(map, &key, over.data());
    const TakenOut& found = over.at(program.direction == Direction::egress ? 1 : 0);
    return found.since_ns == 0 ? std::nullopt : std::optional(found);
}

std::string limit_text(const TakenOut& out, std::uint64_t limit_ns) {
    return std::to_string(out.ns) + " ns a packet exceed its limit of " + std::to_string(limit_ns) +
           " ns, since " + iso_time(out.since_ns);
}

std::string limit_remedy(const std::string& monitor) {
    return "`dynmon-load replace " + monitor +
           " PROBE` lets a new one run, with --limit under another limit";
}

void require_limited(const ProgramInfo& program, std::uint64_t limit_ns) {
    if (limit_ns != 0 && !program.limited)
        throw Error(ErrorKind::usage,
                    "program '" + program.name +
                        "' cannot be held to a limit: the entry macros of its dynmon.h do not "
                        "measure it, or it has none of them")
            .hint("build the probe again with DYNMON_INGRESS and DYNMON_EGRESS of this dynmon, or "
                  "say --limit 0");
}

} // namespace dynmon
