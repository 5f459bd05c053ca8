// SPDX-License-Identifier: BSD-2-Clause
#include "policy/behaviour.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "object/object.hpp"
#include "policy/walk.hpp"

namespace dynmon {

namespace {

Effects effects_of_exit(const ProgramInfo& program, policy::Stage stage,
                        const policy::Value& verdict) {
    if (stage == policy::Stage::answered) {
        if (verdict.kinds == policy::kind::verdict)
            return {};
        return {{.what = "a verdict in place of that of the programs behind it"}};
    }
    if (stage == policy::Stage::after && !program.hand_over)
        return {{.what = "a hand-over through something that is not called dynmon_chain"}};
    if (stage == policy::Stage::before && program.hand_over &&
        policy::may_pass(program.type, verdict))
        return {{.what = "a way out that does not hand the packet over to the next probe"}};
    return policy::verdict_effects(program.type, verdict);
}

} // namespace

Effects behaviour_of(const Object& object, const ProgramInfo& program, bool may_drop) {
    std::vector<UnaskedLookup> unasked;
    return behaviour_of(object, program, may_drop, unasked);
}

Effects behaviour_of(const Object& object, const ProgramInfo& program, bool may_drop,
                     std::vector<UnaskedLookup>& unasked) {
    const policy::LinkedCode code(object);
    policy::Walk walk(object, program, code, may_drop);
    walk.run();
    Effects effects = walk.findings().effects(code);
    for (const auto& [place, verdict] : walk.exits())
        for (Effect effect : effects_of_exit(program, place.first, verdict)) {
            effect.place = code.place(place.second);
            add_effect(effects, std::move(effect));
        }
    for (const auto& [at, map] : walk.unasked()) {
        UnaskedLookup lookup{.place = code.place(at)};
        if (map && *map < object.maps().size()) {
            lookup.map = object.maps()[*map].name;
            lookup.array = is_array_like(object.maps()[*map].type);
        }
        unasked.push_back(std::move(lookup));
    }
    return effects;
}

} // namespace dynmon

namespace dynmon::policy {

namespace {

enum class Fate { passes, ends_here, dropped, elsewhere };

struct Named {
    std::int32_t number;
    const char* name;
    Fate fate;
};
// cls_bpf_exec_opcode() and tcx_action_code() know these; all others are TC_ACT_UNSPEC for them.
constexpr std::array<Named, 6> of_tc = {{
    {-1, "TC_ACT_UNSPEC", Fate::passes},
    {0, "TC_ACT_OK", Fate::ends_here},
    {2, "TC_ACT_SHOT", Fate::dropped},
    {4, "TC_ACT_STOLEN", Fate::dropped},
    {7, "TC_ACT_REDIRECT", Fate::elsewhere},
    {8, "TC_ACT_TRAP", Fate::dropped},
}};
constexpr std::array<Named, 5> of_xdp = {{
    {0, "XDP_ABORTED", Fate::dropped},
    {1, "XDP_DROP", Fate::dropped},
    {2, "XDP_PASS", Fate::passes},
    {3, "XDP_TX", Fate::elsewhere},
    {4, "XDP_REDIRECT", Fate::elsewhere},
}};

const Named* find(bpf_prog_type type, std::int32_t verdict) {
    const bool xdp = type == BPF_PROG_TYPE_XDP;
    const Named* begin = xdp ? of_xdp.data() : of_tc.data();
    const Named* end = begin + (xdp ? of_xdp.size() : of_tc.size());
    const Named* found =
        std::find_if(begin, end, [&](const Named& known) { return known.number == verdict; });
    return found == end ? nullptr : found;
}

Fate fate_of(bpf_prog_type type, std::int32_t verdict) {
    if (const Named* known = find(type, verdict))
        return known->fate;
    return type == BPF_PROG_TYPE_XDP ? Fate::dropped : Fate::passes;
}

bool is_known(const Value& verdict) {
    return verdict.kinds == kind::number && verdict.numbers.has_value();
}

} // namespace

std::string verdict_name(bpf_prog_type type, std::int32_t verdict) {
    const Named* known = find(type, verdict);
    return known != nullptr ? known->name : std::to_string(verdict);
}

Effects verdict_effects(bpf_prog_type type, const Value& verdict) {
    if (!is_known(verdict))
        return {{.power = Power::drop, .what = "a verdict that it computes"},
                {.power = Power::redirect, .what = "a verdict that it computes"}};
    Effects effects;
    for (const std::uint64_t number : *verdict.numbers) {
        const auto code = static_cast<std::int32_t>(number);
        const std::string name = verdict_name(type, code);
        switch (fate_of(type, code)) {
        case Fate::passes:
            break;
        case Fate::ends_here:
            effects.push_back(
                {.power = Power::drop, .what = name + " (which stops every program behind it)"});
            break;
        case Fate::dropped:
            effects.push_back({.power = Power::drop, .what = name});
            break;
        case Fate::elsewhere:
            effects.push_back({.power = Power::redirect, .what = name});
        }
    }
    return effects;
}

bool may_pass(bpf_prog_type type, const Value& verdict) {
    if (!is_known(verdict))
        return true;
    return std::any_of(verdict.numbers->begin(), verdict.numbers->end(), [&](std::uint64_t number) {
        const Fate fate = fate_of(type, static_cast<std::int32_t>(number));
        return fate == Fate::passes || fate == Fate::ends_here;
    });
}

} // namespace dynmon::policy
