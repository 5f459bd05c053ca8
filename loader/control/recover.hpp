// SPDX-License-Identifier: BSD-2-Clause
// Recovering a whole store.
#pragma once

#include "base/error.hpp"
#include "control/execute.hpp"

namespace dynmon {

// recover() as part of a session, whose port looks at everything. What cannot be mended does not
// keep the rest from it.
void recover_in(Session& session, Failures& failures);

} // namespace dynmon
