// SPDX-License-Identifier: BSD-2-Clause
// Several objects become one, as `bpftool gen object` does it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace dynmon {

// By libbpf, in a child without rights that sees one temporary folder. What is weak in one object
// and defined in another is the latter; debug information beyond BTF is left out. Throws
// Error{rejected} with what libbpf said.
std::vector<std::byte> link_objects(const std::vector<std::string>& objects);

} // namespace dynmon
