// What one program of a probe may do: everything beyond looking, with its place in the source.
#pragma once

#include "object/object.hpp"
#include "policy/effect.hpp"

namespace dynmon {

// Read from the instructions alone; never misses anything, since every path is followed. What the
// analysis does not know is an effect too, one that no manifest can allow. `may_drop` is what the
// loader will write into dynmon_may_drop: what that switches off is not in the program.
Effects behaviour_of(const Object& object, const ProgramInfo& program, bool may_drop);

} // namespace dynmon
