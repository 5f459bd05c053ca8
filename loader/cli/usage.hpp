// SPDX-License-Identifier: BSD-2-Clause
// What a command line that CLI11 refuses was probably meant to be.
#pragma once

#include <CLI/CLI.hpp>

#include "base/error.hpp"

namespace dynmon {

// `app` has parsed it, as far as it came.
Error usage_error(const CLI::ParseError& error, const CLI::App& app);

} // namespace dynmon
