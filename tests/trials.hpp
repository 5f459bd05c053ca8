// The switch of in_trial(), for fuzzers and tests that want the crash itself: not in the library,
// but linked in front of it (`untried` in tests/CMakeLists.txt).
#pragma once

namespace dynmon::test {

// Off for the whole process: bodies are then run by who asks for the trial, and only there.
void set_trials(bool enabled);

} // namespace dynmon::test
