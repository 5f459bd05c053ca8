// SPDX-License-Identifier: BSD-2-Clause
#include "serve/faults.hpp"

#include "base/error.hpp"
#include "state/lock.hpp"

namespace dynmon::serve {

namespace {

int status_of(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::usage:
        return 400;
    case ErrorKind::busy:
        return 409;
    case ErrorKind::unsupported:
        return 501;
    case ErrorKind::rejected:
        return 422;
    case ErrorKind::failed:
        return 500;
    }
    return 500;
}

} // namespace

HttpError http_error(const std::exception& fault) {
    if (const auto* http = dynamic_cast<const HttpError*>(&fault))
        return *http;
    const auto* error = dynamic_cast<const Error*>(&fault);
    if (error == nullptr)
        return {500, fault.what()};
    if (dynamic_cast<const LockHeld*>(error) != nullptr)
        return HttpError(503, error->what(), "", error->hint()).with("Retry-After", "1");
    return {status_of(error->kind()), error->what(), "", error->hint()};
}

} // namespace dynmon::serve
