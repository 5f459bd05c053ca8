// SPDX-License-Identifier: BSD-2-Clause
// What concerns several keys of a manifest at once, and so no schema can say.
#pragma once

#include "manifest/fields.hpp"
#include "manifest/manifest.hpp"

namespace dynmon {

// Names that stand twice (parameters, metrics, labels, families), a unit that does not end its
// family's name, a family that is two different things in the two directions, a map that is swapped
// and is not.
void check_across(const Manifest& manifest, Faults& faults);

} // namespace dynmon
