// SPDX-License-Identifier: BSD-2-Clause
// From what an examination found to what is wrong with it. Pure.
#pragma once

#include <vector>

#include "control/doctor.hpp"

namespace dynmon {

// In the order of the examination; empty: all is well.
std::vector<SystemProblem> diagnose(const SystemReport& found);
// What is wrong with monitors and hooks: for `status`, `doctor` and `recover` alike.
std::vector<SystemProblem> diagnose(const Status& loaded);

// Something does not work, such as a monitor that counts nothing: an exit code other than 0.
bool is_ill(const std::vector<SystemProblem>& ailments);

} // namespace dynmon
