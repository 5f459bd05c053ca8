// SPDX-License-Identifier: BSD-2-Clause
// Root looks at the store of the units, which belongs to their user.
#pragma once

#include <string>

namespace dynmon {

inline constexpr const char* service_user = "dynmon"; // systemd/dynmon.sysusers makes it

// Called as root, where the store at `bpffs` (--bpffs) belongs to the user `dynmon`: the process
// becomes that user, for good and without any capability, so that nothing in that store can do more
// than its owner. Else without effect: Store::open() says then whose it is.
void become_store_user(const std::string& bpffs);

} // namespace dynmon
