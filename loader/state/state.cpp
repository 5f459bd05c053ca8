// SPDX-License-Identifier: BSD-2-Clause
#include "state/state.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

namespace {
constexpr std::uint32_t only_key = 0;
static_assert(most_metrics == limits::metrics);
} // namespace

void StateMap::create(const std::string& path, const MonitorState& state) {
    const Fd map = create_map(
        {.type = BPF_MAP_TYPE_ARRAY, .name = "dynmon_state", .value_size = sizeof(MonitorState)});
    update_element(map, &only_key, &state);
    pin(map, path);
}

StateMap::StateMap(const std::string& path) : path_(path) {
    OpenedMap opened = open_own_map(path, {.type = BPF_MAP_TYPE_ARRAY});
    if (opened.facts.value_size != sizeof(MonitorState))
        throw_other_version();
    map_ = std::move(opened.fd);
}

void StateMap::throw_other_version() const {
    throw Error(ErrorKind::unsupported, path_ + " was written by another version of dynmon");
}

MonitorState StateMap::read() const {
    MonitorState state;
    if (!lookup_element(map_, &only_key, &state))
        throw Error(ErrorKind::failed, "the state of the monitor cannot be read");
    if (state.version != MonitorState{}.version)
        throw_other_version();
    if (state.active > 1 || state.phase > Phase::unloading)
        throw Damaged("the state of the monitor is none that dynmon writes");
    return state;
}

void StateMap::write(const MonitorState& state) const {
    update_element(map_, &only_key, &state);
}

} // namespace dynmon
