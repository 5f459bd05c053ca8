// SPDX-License-Identifier: BSD-2-Clause
// The API as an OpenAPI 3.1 document, made of the table of routes and of schemas/: it has no
// description of its own that could differ from either.
// https://spec.openapis.org/oas/v3.1.0
#pragma once

#include <string>

namespace dynmon::serve {

const std::string& openapi_document(); // made once

} // namespace dynmon::serve
