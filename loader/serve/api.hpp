// SPDX-License-Identifier: BSD-2-Clause
// The answers of /api/v1: what the verbs of dynmon-load do, as JSON over HTTP. All of it may wait
// for a lock or a large map and belongs into the worker.
#pragma once

#include <string>

#include "control/settings.hpp"
#include "serve/reply.hpp"
#include "serve/router.hpp"

namespace dynmon::serve {

// Throws HttpError, and Error as the verbs do.
Reply api_reply(const Settings& settings, const Match& match, const Request& request);

// "generation.window" in quotes: changes when a monitor is replaced or a window closes, and not
// with what is counted in the open window.
std::string tag_of(const Settings& settings, const std::string& monitor);

} // namespace dynmon::serve
