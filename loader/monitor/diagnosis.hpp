// From what an examination found to what is wrong with it. Pure.
#pragma once

#include <vector>

#include "monitor/doctor.hpp"

namespace dynmon {

// In the order of the examination; empty: all is well.
std::vector<Ailment> diagnose(const Examination& found);

} // namespace dynmon
