#include "cli/version.hpp"

#include "commit.h" // made by every build, see commit.cmake

namespace dynmon {

std::string version_text() {
    const std::string version = "dynmon-load " DYNMON_VERSION;
    const std::string commit = DYNMON_COMMIT;
    return commit.empty() ? version : version + " (" + commit + ")";
}

} // namespace dynmon
