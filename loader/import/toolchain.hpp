// SPDX-License-Identifier: BSD-2-Clause
// The compiler of imported code: clang on this machine, with the headers of dynmon, libbpf and the
// kernel, in a sandbox.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace dynmon {

struct Toolchain {
    std::string clang;   // absolute, no symbolic link
    int version = 0;     // 14 or later
    std::string headers; // the folder of polycube.h
};

// The newest of clang and clang-NN on PATH, of equals the first, as Makefile.bpf has it; `named`:
// that one. Throws Error{unsupported} when there is none, or the headers are not found.
Toolchain find_toolchain(const std::string& named);

struct CompilerFault {
    std::string file; // "ingress.c", or that of a header
    int line = 0;
    int column = 0;
    std::string message;
};

struct Compiled {
    std::string output;   // the object, or the preprocessed text; empty: it failed
    CompilerFault fault;  // the first error then
    std::size_t more = 0; // how many others there are
};

// `source` is not trusted. Options are added to ours: {"-E"} for the preprocessor. Throws
// Error{rejected} when the compiler does not end in time, or crashes, and what run_program() does.
Compiled compile(const Toolchain& toolchain, const std::string& source,
                 const std::vector<std::string>& options);

} // namespace dynmon
