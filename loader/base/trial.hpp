// Code that may crash, hang or eat memory on somebody else's bytes, tried in a child process first.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace dynmon {

struct TrialOptions {
    std::size_t memory = 512u << 20; // bytes beyond what the process has mapped
    std::chrono::seconds cpu{10};
    std::chrono::seconds patience{60}; // of the clock on the wall
    // bpf(2) says yes to everything, and files can be opened for reading: what prepares programs
    // for the kernel runs to its end without one.
    bool pretended_kernel = false;
    std::vector<int> keep; // descriptors that the child needs
};

// Runs `body` in a forked child without privileges, files and other system calls than those for
// memory. Returns when it ended well. An Error that it throws is thrown here; when it crashes, or
// goes beyond a limit, throws Error{rejected} "`what` crashed (SIGSEGV)". Nothing else that `body`
// does is seen by the caller.
void in_trial(const std::string& what, const TrialOptions& options,
              const std::function<void()>& body);

// Off for the whole process: for fuzzers and tests, which want the crash itself.
void set_trials(bool enabled);

} // namespace dynmon
