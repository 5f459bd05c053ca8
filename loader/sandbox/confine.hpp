// SPDX-License-Identifier: BSD-2-Clause
// What a reader gives up besides its capabilities, before it looks at what programs have written:
// root without any still owns the files of root, and is believed by what listens on sockets.
#pragma once

#include <string>
#include <vector>

namespace dynmon {

struct Confinement {
    std::string store;              // its pins are opened, made, renamed and removed
    std::vector<std::string> files; // folders in which files are written; they must be there
    bool sends = false;             // over the network
    bool looks_at_processes = false;
};

// For good. A list of system calls (seccomp), all others fail with EPERM; and no file can be opened
// but those of `allowed`, of /proc, /sys and /run/netns (Landlock). What the kernel does not have
// is left out. Only for a process with one thread and no_new_privs. Throws
// Error{failed} (EMFILE).
void confine(const Confinement& allowed);

// The user and group nobody, for root that has nothing to open any more. Capabilities stay, until
// they are dropped. Without effect for other users, and where it is refused.
void become_nobody();

// Version of the kernel's Landlock; 0: none.
int landlock_version();

} // namespace dynmon
