// SPDX-License-Identifier: BSD-2-Clause
// What this machine is and allows, as far as it bears on BPF. Nothing is changed; what cannot be
// told without rights is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dynmon {

struct KernelFacts {
    std::string release;
    std::string machine; // "x86_64"
    std::size_t possible_cpus = 0;
    std::size_t online_cpus = 0;
};

struct ProcessFacts {
    std::uint32_t user = 0;
    std::uint64_t effective = 0;        // CapEff
    std::optional<std::string> seccomp; // "disabled", "strict", "filter"

    bool has(int capability) const { return (effective >> capability & 1) != 0; }
};

struct Restrictions {
    std::optional<int> unprivileged_bpf_disabled; // sysctl: 0 anybody may load, 1 for good, 2 no
    std::optional<std::string> lockdown;          // "none", "integrity", "confidentiality"
    std::optional<int> jit;                       // sysctl bpf_jit_enable: 0 off, 1 on, 2 debugging
    int landlock = 0; // version; 0: none, and readers that root runs keep the rights of its files
    std::optional<std::uint64_t> memlock; // soft limit in bytes; UINT64_MAX: none
};

KernelFacts kernel_facts();
std::string host_name(); // as `uname -n` prints it; "": the kernel does not say
ProcessFacts process_facts();
Restrictions restrictions();

struct BpffsFacts {
    std::string path;
    bool mounted = false;    // it is on a bpffs
    std::uint32_t mode = 0;  // permissions, 01777 by default
    std::uint32_t owner = 0; // user id
};
BpffsFacts bpffs_facts(const std::string& path);

} // namespace dynmon
