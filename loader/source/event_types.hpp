// SPDX-License-Identifier: BSD-2-Clause
// The type of the events in a ring buffer or perf event array, which the kernel knows nothing of.
#pragma once

#include <optional>
#include <string>

#include "btf/layout.hpp"
#include "source/map_types.hpp"

namespace dynmon {

// Of the type `name` ("struct x", "x") in the BTF of `types`, or else, when that is "", of what
// DYNMON_EVENTS in bpf/dynmon.h left there. Nothing when neither says; throws Error{usage} when
// there is no type of that name.
std::optional<Layout> event_layout(const MapTypes& types, const std::string& name);

} // namespace dynmon
