#include "trials.hpp"

#include <atomic>

#include "sandbox/run_sandboxed.hpp"

// The linker gives every call of in_trial(), by its mangled name DYNMON_IN_TRIAL, to __wrap_…, and
// in_trial() itself the name __real_….
namespace dynmon::test {

namespace {
std::atomic<bool> trials = true;
}

void set_trials(bool enabled) {
    trials = enabled;
}

void real_in_trial(const std::string& what, const TrialOptions& options,
                   const std::function<void()>& body) asm("__real_" DYNMON_IN_TRIAL);
void wrapped_in_trial(const std::string& what, const TrialOptions& options,
                      const std::function<void()>& body) asm("__wrap_" DYNMON_IN_TRIAL);

void wrapped_in_trial(const std::string& what, const TrialOptions& options,
                      const std::function<void()>& body) {
    if (trials)
        real_in_trial(what, options, body);
}

} // namespace dynmon::test
