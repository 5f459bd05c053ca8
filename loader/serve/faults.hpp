// SPDX-License-Identifier: BSD-2-Clause
// Errors of dynmon as answers.
#pragma once

#include <exception>

#include "serve/reply.hpp"

namespace dynmon::serve {

// The status follows from the kind: usage 400, busy 409 (503 with Retry-After for a lock that
// another process holds), unsupported 501, rejected 422, failed 500.
HttpError http_error(const std::exception& fault);

} // namespace dynmon::serve
