// SPDX-License-Identifier: BSD-2-Clause
#include "state/store_user.hpp"

#include <cerrno>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "state/store.hpp"

namespace dynmon {

void become_store_user(const std::string& bpffs) {
    if (geteuid() != 0 || bpffs.empty())
        return;
    const passwd* const user = ::getpwnam(service_user);
    struct stat status {};
    if (user == nullptr || user->pw_uid == 0 ||
        ::lstat(Store::root_of(bpffs).c_str(), &status) != 0 || status.st_uid != user->pw_uid)
        return;
    if (::setgroups(0, nullptr) != 0 ||
        ::setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        ::setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        throw Error(ErrorKind::failed,
                    std::string("become user '") + service_user + "', whose store this is", errno);
    ::prctl(PR_SET_DUMPABLE, 1); // else /proc/self is root's, and its namespaces cannot be opened
}

} // namespace dynmon
