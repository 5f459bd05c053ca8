// SPDX-License-Identifier: BSD-2-Clause
#define DOCTEST_CONFIG_IMPLEMENT
#include "skips.hpp"

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    return dynmon::test::run_tests(context);
}
