// SPDX-License-Identifier: BSD-2-Clause
// A manifest as people write it.
#pragma once

#include <string>

namespace dynmon {

struct Manifest;

// YAML in blocks, which parse_manifest() reads back to an equal manifest.
std::string manifest_to_yaml(const Manifest& manifest);

} // namespace dynmon
