// What a process can give up for ever, so that code that it does not trust can do little with it.
#pragma once

#include <chrono>
#include <cstddef>
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

// Signals of a crash end the process, whatever handlers it had; no core is written.
void die_of_crashes();

void limit_memory(std::size_t more); // beyond what is mapped now
void limit_cpu(std::chrono::seconds most);

// Closes all descriptors but `keep` and drops all capabilities, for good.
void drop_rights(const std::vector<int>& keep);

// Puts a descriptor of memory at `place`: 0 for what a pretended bpf(2) "returns".
void stand_in_at(int place);

// From here on every system call fails with EPERM but those for memory, for writing to descriptors
// that are open, and for ending. `pretended_kernel`: files can be read, and bpf(2) succeeds without
// doing anything; so does close(2), since what bpf(2) "returns" is no descriptor of its own.
// Without effect where the kernel has no seccomp filters.
void allow_only_memory(bool pretended_kernel);

} // namespace dynmon
