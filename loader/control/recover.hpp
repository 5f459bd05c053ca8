// SPDX-License-Identifier: BSD-2-Clause
// Recovering a whole store.
#pragma once

#include "base/error.hpp"
#include "control/execute.hpp"

namespace dynmon {

// recover() as part of a session, whose port looks at everything. It goes on with the rest
// of the store when it cannot repair a part.
void recover_in(Session& session, Failures& failures);

} // namespace dynmon
