// SPDX-License-Identifier: BSD-2-Clause
#include "control/snapshot.hpp"

#include <algorithm>
#include <utility>

#include "base/identifier.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

namespace {

constexpr char behind_slash = '/' + 1;

// What stands below a folder, in a map by path.
template <typename Map>
auto below(Map& by_path, const std::string& folder) {
    return std::pair(by_path.lower_bound(folder + '/'), by_path.lower_bound(folder + behind_slash));
}

template <typename Map>
void remove_from(Map& by_path, const std::string& path) {
    const auto [first, last] = below(by_path, path);
    by_path.erase(first, last);
    by_path.erase(path);
}

} // namespace

Fault::Fault(const Error& caught)
    : error(caught), cause(std::current_exception()),
      damaged(dynamic_cast<const Damaged*>(&caught) != nullptr) {}

bool StoreSnapshot::is_damaged(const std::string& path) const {
    const auto found = faults.find(path);
    return found != faults.end() && found->second.damaged;
}

void StoreSnapshot::throw_fault(const std::string& path) const {
    if (const auto found = faults.find(path); found != faults.end())
        std::rethrow_exception(found->second.cause);
}

std::vector<std::string> StoreSnapshot::names_in(const std::string& folder) const {
    std::vector<std::string> names;
    const std::size_t begin = folder.size() + 1;
    for (auto [at, last] = below(pins, folder); at != last;) {
        const std::size_t slash = at->first.find('/', begin);
        if (slash == std::string::npos) {
            names.push_back(at->first.substr(begin));
            ++at;
        } else { // past all that is in this one
            at = pins.lower_bound(at->first.substr(0, slash) + behind_slash);
        }
    }
    return names;
}

void StoreSnapshot::remove(const std::string& path) {
    remove_from(pins, path);
    remove_from(faults, path);
}

void StoreSnapshot::rename(const std::string& from, const std::string& to) {
    std::map<std::string, Pin> moved;
    if (const auto found = pins.find(from); found != pins.end())
        moved[to] = found->second;
    for (auto [at, last] = below(pins, from); at != last; ++at)
        moved[to + at->first.substr(from.size())] = at->second;
    remove(from);
    pins.merge(moved);
}

std::vector<std::string> StoreSnapshot::monitors() const {
    std::vector<std::string> names = names_in(paths.monitors_dir());
    std::erase_if(names, [](const std::string& name) { return !is_identifier(name); });
    return names;
}

std::vector<HookId> StoreSnapshot::hooks() const {
    std::vector<HookId> ids;
    for (const std::string& name : names_in(paths.hooks_dir()))
        if (const auto id = parse_hook_dir_name(name))
            ids.push_back(*id);
    return ids;
}

std::vector<std::string> StoreSnapshot::staging(const std::string& folder) const {
    std::vector<std::string> found;
    for (const std::string& name : names_in(folder))
        if (name.starts_with(staging_prefix))
            found.push_back(folder + "/" + name);
    return found;
}

std::vector<std::uint32_t> StoreSnapshot::generations(const std::string& monitor) const {
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : names_in(paths.monitor_dir(monitor)))
        if (const auto number = generation_number(name))
            numbers.push_back(*number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

GenerationDir StoreSnapshot::generation(const std::string& monitor, std::uint32_t number) const {
    return generation_dir(paths.monitor_dir(monitor), number);
}

const RecordPin* StoreSnapshot::record(const std::string& monitor, std::uint32_t number) const {
    throw_fault(paths.monitor_dir(monitor));
    return get<RecordPin>(generation(monitor, number).path() + "/dynmon-record");
}

bool StoreSnapshot::has_programs(const std::string& monitor, std::uint32_t number) const {
    const std::string folder = generation(monitor, number).path();
    const std::vector<std::string> names = names_in(folder);
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return name.starts_with("prog-"); });
}

std::optional<MonitorState> StoreSnapshot::state(const std::string& monitor) const {
    const StatePin* pin = get<StatePin>(paths.monitor_dir(monitor) + "/state");
    return pin != nullptr ? std::optional(pin->state) : std::nullopt;
}

std::vector<ChainMember> StoreSnapshot::members_at(const HookId& hook) const {
    std::vector<ChainMember> members;
    for (const std::string& monitor : monitors()) {
        if (faults.contains(paths.monitor_dir(monitor)))
            continue;
        for (const std::uint32_t number : generations(monitor)) {
            const GenerationDir dir = generation(monitor, number);
            const RecordPin* found = record(monitor, number);
            if (found == nullptr)
                continue;
            for (const ProgramRecord& program : found->programs) {
                if (program.hook != hook)
                    continue;
                for (std::size_t side = 0; side < program.slots.size(); ++side) {
                    if (!has(dir.program_path(program.direction, static_cast<Side>(side))))
                        continue;
                    members.push_back({monitor, number, dir, program});
                    break;
                }
            }
        }
    }
    return members;
}

std::vector<OpaqueMember> StoreSnapshot::opaque_at(const HookId& hook) const {
    std::vector<std::uint32_t> chains;
    if (const auto* pivot = get<ProgramPin>(paths.hook_dir(hook) + "/pivot"))
        chains = pivot->map_ids;
    if (const auto found = pins.find(chain_path(hook)); found != pins.end())
        if (const auto* chain = std::get_if<ChainPin>(&found->second))
            chains.push_back(chain->id);
    std::vector<OpaqueMember> opaque;
    for (const std::string& monitor : monitors()) {
        const std::string dir = paths.monitor_dir(monitor);
        const auto fault = faults.find(dir);
        if (fault == faults.end())
            continue;
        for (auto [at, last] = below(pins, dir); at != last; ++at) {
            const auto* program = std::get_if<ProgramPin>(&at->second);
            if (program != nullptr &&
                std::find_first_of(chains.begin(), chains.end(), program->map_ids.begin(),
                                   program->map_ids.end()) != chains.end())
                opaque.push_back(
                    {monitor, fault->second.error, {at->first, program->id}, program->name});
        }
    }
    return opaque;
}

bool StoreSnapshot::is_idle(const HookId& hook) const {
    return members_at(hook).empty() && opaque_at(hook).empty();
}

Error chain_is_gone() {
    return Error(ErrorKind::failed, "the chain of the hook is not pinned any more")
        .hint("`dynmon-load recover` pins it again and puts its programs back");
}

Chain StoreSnapshot::chain_at(const HookId& hook) const {
    throw_fault(paths.hook_dir(hook));
    const ChainPin* chain = get<ChainPin>(chain_path(hook));
    if (chain == nullptr)
        throw chain_is_gone();
    return Chain(chain->slots, members_at(hook), opaque_at(hook));
}

} // namespace dynmon
