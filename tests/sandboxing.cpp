// SPDX-License-Identifier: BSD-2-Clause
#include "sandboxing.hpp"

#include <atomic>

#include "sandbox/run_sandboxed.hpp"

// The linker gives every call of run_sandboxed(), by its mangled name DYNMON_RUN_SANDBOXED, to
// __wrap_…, and run_sandboxed() itself the name __real_….
namespace dynmon::test {

namespace {
std::atomic<bool> sandboxing = true;
}

void set_sandboxing(bool enabled) {
    sandboxing = enabled;
}

void real_run_sandboxed(const std::string& what, const SandboxOptions& options,
                        const std::function<void()>& body) asm("__real_" DYNMON_RUN_SANDBOXED);
void wrapped_run_sandboxed(const std::string& what, const SandboxOptions& options,
                           const std::function<void()>& body) asm("__wrap_" DYNMON_RUN_SANDBOXED);

void wrapped_run_sandboxed(const std::string& what, const SandboxOptions& options,
                           const std::function<void()>& body) {
    if (sandboxing)
        real_run_sandboxed(what, options, body);
}

} // namespace dynmon::test
