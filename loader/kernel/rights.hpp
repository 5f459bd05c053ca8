// SPDX-License-Identifier: BSD-2-Clause
// Capabilities of the calling thread: which are missing, and how to live without them.
#pragma once

#include <string>
#include <vector>

#include <linux/capability.h>

namespace dynmon {

enum class Right : int {
    net_admin = CAP_NET_ADMIN,
    sys_ptrace = CAP_SYS_PTRACE,
    sys_admin = CAP_SYS_ADMIN,
    perfmon = CAP_PERFMON,
    bpf = CAP_BPF,
};
using Rights = std::vector<Right>;

// In force now. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as it does for the kernel.
bool has_right(Right right);

// What bears on dynmon at all, and for what.
struct KnownRight {
    Right right;
    const char* name; // "CAP_BPF"
    const char* what_for;
};
const std::vector<KnownRight>& known_rights();

// For an error with EPERM: which of `needed` this process lacks and what to do; where it lacks
// none, what else refuses.
std::string rights_hint(const Rights& needed);

// What to do about a refusal by the kernel: of ENOMEM and EPERM; "" when the errno says it all.
std::string refusal_hint(int error_number, const Rights& needed);

// Gives up every capability but `keep`, for good: effective, permitted, inheritable and ambient
// ones, and what an execve() could bring (no_new_privs). CAP_BPF stays where the kernel refuses
// bpf(2) without it (before Linux 5.19). Pins open later by the rights of their file's owner.
// Only for a process with one thread. Throws Error{failed}.
void drop_rights(const Rights& keep = {});

} // namespace dynmon
