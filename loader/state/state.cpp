// SPDX-License-Identifier: BSD-2-Clause
#include "state/state.hpp"

#include <cstddef>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

namespace {
constexpr std::uint32_t only_key = 0;
constexpr std::size_t size_of_version_2 = offsetof(MonitorState, doubled);
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
    version_ = opened.facts.value_size == size_of_version_2 ? 2 : MonitorState{}.version;
    if (version_ != 2 && opened.facts.value_size != sizeof(MonitorState))
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
    if (state.version != version_)
        throw_other_version();
    if (state.active > 1 || state.phase > Phase::unloading)
        throw Damaged("the state of the monitor is none that dynmon writes");
    return state;
}

void StateMap::write(const MonitorState& state) const {
    MonitorState written = state;
    written.version = version_; // the map has room for no other
    update_element(map_, &only_key, &written);
}

} // namespace dynmon
