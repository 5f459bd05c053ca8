// SPDX-License-Identifier: BSD-2-Clause
#include "base/build_info.hpp"

namespace dynmon {

std::string build_name() {
    const std::string commit = DYNMON_COMMIT;
    return DYNMON_VERSION + (commit.empty() ? "" : " (" + commit + ")");
}

} // namespace dynmon
