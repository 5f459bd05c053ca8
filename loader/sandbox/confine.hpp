// SPDX-License-Identifier: BSD-2-Clause
// What a reader gives up besides its capabilities, before it looks at what programs have written:
// root without any still owns the files of root, and is believed by what listens on sockets. The
// filter of system calls is built by libseccomp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <seccomp.h>

namespace dynmon {

// A seccomp filter by the names of system calls, and the calls that do no harm.

class SeccompFilter {
public:
    explicit SeccompFilter(std::uint32_t otherwise); // the answer to calls without a rule
    // `conditions` on the arguments, all of which must be met. A call that another architecture or
    // an older libseccomp does not know is left out there.
    void answer(const char* call, std::uint32_t action,
                std::initializer_list<scmp_arg_cmp> conditions = {});
    void allow(const char* call, std::initializer_list<scmp_arg_cmp> conditions = {}) {
        answer(call, SCMP_ACT_ALLOW, conditions);
    }
    // For the calling thread and those that it makes, for good. Without effect where the kernel has
    // no seccomp filters.
    void install();

private:
    struct Release {
        void operator()(void* context) const { seccomp_release(context); }
    };
    std::unique_ptr<void, Release> context_;
};

constexpr scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
}

constexpr scmp_arg_cmp has_none_of(unsigned argument, std::uint64_t bits) {
    return {argument, SCMP_CMP_MASKED_EQ, bits, 0};
}

// What a process may do to itself and may look at: it can change nothing but its own memory and the
// descriptors that it has. Opening and closing files is not in it.
void allow_harmless(SeccompFilter& filter);

struct Confinement {
    std::string store;                     // its pins are opened, made, renamed and removed
    std::vector<std::string> files;        // folders in which files are written; they must be there
    std::vector<std::string> reads = {};   // folders whose files are only read
    std::vector<std::string> removes = {}; // folders in which files are only removed
    bool sends = false;                    // over the network
    bool serves = false;                   // accepts connections on the sockets that it has
    bool looks_at_processes = false;
};

// For good. A list of system calls (seccomp), all others fail with EPERM; and no file can be opened
// but those of `allowed`, of /proc, /sys and /run/netns (Landlock). What the kernel does not have
// is left out. Only for a process with one thread and no_new_privs. Throws
// Error{failed} (EMFILE).
void confine(const Confinement& allowed);

// For a child that becomes another program by execve(2): it can open only what is in `readable`
// (files and folders, to read and to execute), and can write to the descriptors that it has. No
// sockets, no processes, no signals to others. For good, and only with no_new_privs. Returns an
// errno, 0 when it is shut in: ENOSYS without Landlock.
int confine_program(const std::vector<std::string>& readable);

// The user and group nobody, for root that has nothing to open any more. Capabilities stay, until
// they are dropped. Without effect for other users, and where it is refused.
void become_nobody();

// Version of the kernel's Landlock; 0: none.
int landlock_version();

} // namespace dynmon
