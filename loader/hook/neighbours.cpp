// SPDX-License-Identifier: BSD-2-Clause
#include "hook/neighbours.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "hook/attach.hpp"
#include "kernel/bpf.hpp"
#include "kernel/xdp.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

const char* to_string(Neighbour::Place place) {
    switch (place) {
    case Neighbour::Place::xdp:
        return "xdp";
    case Neighbour::Place::tcx:
        return "tcx";
    case Neighbour::Place::clsact:
        return "clsact";
    }
    return "tcx";
}

std::string describe(const Neighbour& neighbour) {
    const bool filter = neighbour.place == Neighbour::Place::clsact;
    std::string text =
        neighbour.program_id == 0 ? "filter " + neighbour.name
        : neighbour.name.empty()
            ? "program id " + std::to_string(neighbour.program_id)
            : "program " + neighbour.name + " (id " + std::to_string(neighbour.program_id) + ")";
    text += std::string(" on ") + to_string(neighbour.place);
    return filter ? text + " with priority " + std::to_string(neighbour.priority) : text;
}

std::vector<std::uint32_t> before(const std::vector<std::uint32_t>& programs, std::uint32_t pivot) {
    return {programs.begin(), std::find(programs.begin(), programs.end(), pivot)};
}

std::vector<Neighbour> before(const std::vector<TcFilter>& filters, std::uint32_t pivot) {
    std::vector<Neighbour> neighbours;
    for (const TcFilter& filter : filters) {
        const bool program = filter.kind == "bpf";
        if (program && filter.program_id == pivot)
            break;
        // A filter of another kind is listed with its head and with each of its elements.
        const auto same = [&](const Neighbour& known) {
            return !program && known.program_id == 0 && known.name == filter.kind &&
                   known.priority == filter.priority;
        };
        if (std::none_of(neighbours.begin(), neighbours.end(), same))
            neighbours.push_back({.place = Neighbour::Place::clsact,
                                  .program_id = filter.program_id,
                                  .name = program ? filter.program_name : filter.kind,
                                  .priority = filter.priority});
    }
    return neighbours;
}

namespace {

// "": it is gone, or the caller has no right to look.
std::string program_name(std::uint32_t id) {
    const Fd program = try_open_program(id);
    return program ? program_facts(program).name : "";
}

Neighbour neighbour_at(Neighbour::Place place, std::uint32_t program) {
    return {.place = place, .program_id = program, .name = program_name(program)};
}

bool is_our_xdp(const Store& store, HookId id, std::uint32_t program) {
    id.point = HookPoint::xdp;
    return exists(store.hook_dir(id)) && pivot_id(store, id) == program;
}

void add_tcx(const HookId& id, std::uint32_t pivot, std::vector<Neighbour>& found) {
    const auto programs = tcx_programs(id);
    if (!programs)
        return; // no TCX
    for (const std::uint32_t program : before(*programs, pivot))
        found.push_back(neighbour_at(Neighbour::Place::tcx, program));
}

std::vector<Neighbour> look(const Store& store, const HookId& id, std::uint32_t pivot,
                            Attach attach) {
    std::vector<Neighbour> found;
    if (id.point == HookPoint::xdp)
        return found; // nothing comes before it
    if (id.point == HookPoint::tc_ingress)
        if (const std::uint32_t program = query_xdp(id.ifindex).program_id;
            program != 0 && !is_our_xdp(store, id, program))
            found.push_back(neighbour_at(Neighbour::Place::xdp, program));
    add_tcx(id, pivot, found);
    if (attach == Attach::clsact)
        for (Neighbour& neighbour : before(clsact_filters(id), pivot)) {
            if (const std::string name =
                    neighbour.program_id == 0 ? "" : program_name(neighbour.program_id);
                !name.empty())
                neighbour.name = name; // shorter than that of the filter
            found.push_back(std::move(neighbour));
        }
    return found;
}

} // namespace

Front in_front_of(const Store& store, const HookId& id) {
    try {
        if (hook_state(store, id).health != HookHealth::attached)
            return {.neighbours = std::vector<Neighbour>{}};
        const std::optional<NetNs> netns = netns_of(store, id);
        if (!netns)
            return {.problem = "the network namespace has no name in /run/netns, and the path that "
                               "was given does not lead to it any more"};
        const NetNsScope inside(*netns);
        return {.neighbours =
                    look(store, id, pivot_id(store, id), read_hook_record(store, id).attach)};
    } catch (const Error& error) {
        const std::string hint = error.hint().empty() ? "" : "; hint: " + error.hint();
        return {.problem = error.what() + hint};
    }
}

} // namespace dynmon
