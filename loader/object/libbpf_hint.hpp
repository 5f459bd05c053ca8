// SPDX-License-Identifier: BSD-2-Clause
// What to do about what libbpf says of an object.
#pragma once

#include <string>
#include <string_view>

namespace dynmon {

// For a complaint of libbpf, as it is printed; "" when there is no advice.
std::string libbpf_hint(std::string_view complaint);

} // namespace dynmon
