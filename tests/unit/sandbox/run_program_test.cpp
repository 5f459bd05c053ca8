// SPDX-License-Identifier: BSD-2-Clause
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "sandbox/confine.hpp"
#include "sandbox/restrict.hpp"
#include "sandbox/run_program.hpp"

namespace dynmon {

namespace {

const std::vector<std::string> programs = {"/usr/bin",   "/bin", "/usr/lib",
                                           "/usr/lib64", "/lib", "/lib64"};

ProgramResult shell(const std::string& script, ProgramCall call = {}) {
    call.file = "/bin/sh";
    call.arguments = {"-c", script};
    call.readable = programs;
    return run_program(call);
}

} // namespace

TEST_CASE("a program reads its input and writes its output" *
          doctest::skip(landlock_version() < 1)) {
    ProgramCall call{.file = "/bin/cat", .readable = programs, .input = "some text"};
    const ProgramResult result = run_program(call);
    CHECK((result.code == 0 && result.output == "some text" && result.errors.empty()));
    CHECK(shell("echo out; echo err >&2; exit 3").code == 3);
    CHECK(shell("echo out; echo err >&2; exit 3").errors == "err\n");
    CHECK(shell("echo $PATH $HOME $DYNMON_PROBE_PATH; pwd").output == "/usr/bin:/bin\n/\n");
}

// PROMISES:
// D-1 The compiler can open no file
TEST_CASE("it opens no file but those that it may, and makes none" *
          doctest::skip(landlock_version() < 1)) {
    for (const char* script : {"read x < /etc/hostname", "read x < /proc/self/status",
                               "echo x > /tmp/dynmon-must-not-be", "echo x > /dev/null",
                               "cd /etc && echo *s", "/bin/true | /bin/true", "kill -0 $PPID"}) {
        CAPTURE(script);
        const ProgramResult result = shell(std::string(script) + " && echo done");
        CHECK(result.output.find("done") == std::string::npos);
        CHECK(result.code != 0);
    }
}

// PROMISES:
// D-2 It has no capability
TEST_CASE("it is ended when it takes too long" * doctest::skip(landlock_version() < 1)) {
    CHECK(shell("while :; do :; done", {.cpu = std::chrono::seconds(1)}).ending ==
          "did not end within 1 seconds of CPU time");
    const ProgramResult asleep = run_program({.file = "/bin/sleep",
                                              .arguments = {"60"},
                                              .readable = programs,
                                              .patience = std::chrono::seconds(1)});
    CHECK((asleep.ending == "did not end within 1 seconds" && asleep.code == -1));
}

TEST_CASE("it is ended when it writes too much" * doctest::skip(landlock_version() < 1)) {
    const ProgramResult result =
        shell("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done",
              {.output = std::size_t{1} << 20});
    CHECK(result.ending == "wrote more than 1 MiB");
    CHECK(result.output.size() <= std::size_t{1} << 20);
}

TEST_CASE("a program that is not there is an error" * doctest::skip(landlock_version() < 1)) {
    CHECK_THROWS_AS(run_program({.file = "/bin/no-such-program", .readable = programs}), Error);
}

} // namespace dynmon
