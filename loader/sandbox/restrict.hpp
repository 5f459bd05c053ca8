// SPDX-License-Identifier: BSD-2-Clause
// What a process can give up for ever, so that code that it does not trust can do little with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace dynmon {

// Sanitizers need their own system calls and descriptors to say what they found.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized = __has_feature(address_sanitizer) ||
                                  __has_feature(thread_sanitizer) ||
                                  __has_feature(memory_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

// The system calls that a sandbox refused. It lives in memory that a process shares with the
// children that it forks, so the parent can read it even when a child has crashed.
class RefusedCalls {
public:
    RefusedCalls(); // throws Error
    ~RefusedCalls();
    RefusedCalls(const RefusedCalls&) = delete;
    RefusedCalls& operator=(const RefusedCalls&) = delete;

    void add(int number); // can be called by a signal handler

    // In the order in which they were refused, each once: "memfd_create". A number without a known
    // name gives "system call 999".
    std::vector<std::string> names() const;

private:
    struct Page;
    Page* page_;
};

// Signals of a crash end the process, whatever handlers it had; no core is written.
void die_of_crashes();

void limit_memory(std::size_t more); // beyond what is mapped now
void limit_cpu(std::chrono::seconds most);
void limit_files(std::size_t size); // of each file that grows; those in memory count too

// Closes all descriptors but `keep` and drops all capabilities, for good.
void drop_all_but(const std::vector<int>& keep);

// Puts a descriptor of memory at `place`: 0 for what a pretended bpf(2) "returns".
void stand_in_at(int place);

// From here on the process can compute, and can change nothing but itself: its memory and the
// descriptors that it has. It can open files, but only to read them. Every other system call fails
// with EPERM, and `refused`, which must live as long as the process, notes it.
// `pretended_kernel`: bpf(2) succeeds without doing anything, and so does closing descriptor 0,
// which is what bpf(2) "returns".
// Without effect where the kernel has no seccomp filters.
void stay_harmless(bool pretended_kernel, RefusedCalls& refused);

} // namespace dynmon
