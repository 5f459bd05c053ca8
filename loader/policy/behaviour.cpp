// SPDX-License-Identifier: BSD-2-Clause
#include "policy/behaviour.hpp"

#include <utility>

#include "object/object.hpp"
#include "policy/verdicts.hpp"
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
