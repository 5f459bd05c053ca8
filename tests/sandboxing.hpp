// SPDX-License-Identifier: BSD-2-Clause
// The switch of run_sandboxed(), for fuzzers and tests that want the crash itself: not in the
// library, but linked in front of it (`untried` in tests/CMakeLists.txt).
#pragma once

namespace dynmon::test {

// Off for the whole process: then the caller itself runs the bodies, and only there.
void set_sandboxing(bool enabled);

} // namespace dynmon::test
