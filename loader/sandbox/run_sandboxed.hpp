// SPDX-License-Identifier: BSD-2-Clause
// Code that may crash, hang or eat memory on foreign bytes, tried in a child process first.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace dynmon {

struct SandboxOptions {
    std::size_t memory = 512u << 20; // bytes beyond what the process has mapped
    std::chrono::seconds cpu{10};
    std::chrono::seconds patience{60}; // of the clock on the wall
    // bpf(2) says yes to everything: what prepares programs for the kernel runs to its end without
    // one.
    bool pretended_kernel = false;
    std::vector<int> keep; // descriptors that the child needs
};

// Runs `body` in a forked child without privileges and descriptors, which can read files and can
// change nothing but itself. Returns when it ended well. An Error that it throws is thrown here;
// when it crashes, or goes beyond a limit, throws Error{rejected} "`what` crashed (SIGSEGV)". An
// error says so when the sandbox has refused a system call. Nothing else that `body` does is seen
// by the caller.
void run_sandboxed(const std::string& what, const SandboxOptions& options,
                   const std::function<void()>& body);

// The system calls that were refused in sandboxes of this process which still ended well.
std::vector<std::string> refused_in_sandboxes();

// What to do when a sandbox refuses something that libbpf needs.
std::string refusal_advice();

} // namespace dynmon
