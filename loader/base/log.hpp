// SPDX-License-Identifier: BSD-2-Clause
// Messages to the user beside the result: always on stderr, so that stdout stays parsable.
#pragma once

#include <string>

namespace dynmon::log {

void set_verbose(bool verbose); // show debug()
void set_quiet(bool quiet);     // hide info()
void debug(const std::string& message);
void info(const std::string& message);
void warn(const std::string& message);

} // namespace dynmon::log
