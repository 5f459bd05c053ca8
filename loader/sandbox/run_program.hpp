// SPDX-License-Identifier: BSD-2-Clause
// Another program, such as a compiler, on input that is not trusted: shut in, and with an end.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace dynmon {

struct ProgramCall {
    std::string file;                   // absolute
    std::vector<std::string> arguments; // without the program's name
    std::vector<std::string> readable;  // all that it can open or execute
    std::string input;                  // on its standard input
    std::size_t memory = std::size_t{2} << 30;
    std::size_t output = std::size_t{64} << 20; // of each of stdout and stderr
    std::chrono::seconds cpu{10};
    std::chrono::seconds patience{30}; // of the clock on the wall
};

struct ProgramResult {
    int code = 0;       // of exit(3); -1: it did not come to that
    std::string ending; // why, if it did not: "did not end within 10 seconds of CPU time"
    std::string output;
    std::string errors;
};

// Runs it with no network, no capabilities, no environment but PATH and LC_ALL, an empty standard
// input but for `input`, in a session of its own. It dies with the caller. Throws
// Error{unsupported} where the kernel cannot shut it in (Landlock), Error{failed} when it does not
// start.
ProgramResult run_program(const ProgramCall& call);

} // namespace dynmon
