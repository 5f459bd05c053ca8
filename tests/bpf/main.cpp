// SPDX-License-Identifier: BSD-2-Clause
// Entry point of the in-kernel tests: they need root, and say so instead of skipping.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>

#include <unistd.h>

#include "../unit/skips.hpp"

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    if (::geteuid() != 0 && !context.shouldExit()) {
        std::fputs("dynmon-bpf-tests: loads programs into the kernel, run it as root\n", stderr);
        return 1;
    }
    return dynmon::test::run_tests(context);
}
