// SPDX-License-Identifier: BSD-2-Clause
// Which dynmon this is: what is compared when two of them meet in one store.
#pragma once

#include <string>

namespace dynmon {

std::string build_name(); // "0.1.0 (2cf6d2a)"; "0.1.0" when it was not built from a checkout of git

} // namespace dynmon
