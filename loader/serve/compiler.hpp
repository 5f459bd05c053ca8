// SPDX-License-Identifier: BSD-2-Clause
// The compile helper (dynmon-compile) on a unix socket. It is not believed: what it answers is
// looked at by those who use it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "import/compile_message.hpp"

namespace dynmon::serve {

using Deadline = std::chrono::steady_clock::time_point;

// Sends the document and waits for the files of its probe, whose names are of `compiled_files`.
// Nothing: no such socket is there. Throws HttpError: 400 for what is wrong with the document, 502
// for an answer that is none, 503 for a helper that takes no request, has failed or lacks a
// compiler, 504 at the deadline. The process that made the socket has to be root's or the
// caller's. Thread-safe.
std::optional<CompileMessage> compile_document(const std::string& socket_path,
                                               const std::string& document, Deadline deadline);

} // namespace dynmon::serve
