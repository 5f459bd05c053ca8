// SPDX-License-Identifier: BSD-2-Clause
// How the messages of log.hpp are written.
#pragma once

namespace dynmon::log {

// From now on a message is a document on a line of its own: {"warning": "…"}, {"info": …} or
// {"debug": …}.
void set_json();

} // namespace dynmon::log
