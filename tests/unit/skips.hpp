// SPDX-License-Identifier: BSD-2-Clause
// The end of every test program of doctest: a case that did not run is named, and the exit code
// says that there was one, so that ctest shows the program as skipped instead of passed
// (SKIP_RETURN_CODE).
#pragma once

#include <cstdio>
#include <string_view>

#include <doctest/doctest.h>

namespace dynmon::test {

inline constexpr int exit_skipped = 77;
inline constexpr std::string_view by_hand = "by hand"; // the suite of what is no test

// Names what `doctest::skip()` left out. Filters of the command line leave cases out without a
// word.
class Skips : public doctest::IReporter {
public:
    explicit Skips(const doctest::ContextOptions& options) : options_(options) {}

    static int& count() {
        static int skipped = 0;
        return skipped;
    }

    void test_case_skipped(const doctest::TestCaseData& test) override {
        if (!test.m_skip || options_.no_skip || by_hand == test.m_test_suite)
            return;
        std::printf("skipped: %s (%s:%u)\n", test.m_name, test.m_file.c_str(), test.m_line);
        ++count();
    }

    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override {}
    void test_case_start(const doctest::TestCaseData&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}

private:
    const doctest::ContextOptions& options_;
};

REGISTER_LISTENER("skips", 1, Skips);

inline int run_tests(doctest::Context& context) {
    const int failed = context.run();
    return failed ? failed : Skips::count() ? exit_skipped : 0;
}

} // namespace dynmon::test
