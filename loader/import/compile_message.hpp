// SPDX-License-Identifier: BSD-2-Clause
// What dynmon-serve and dynmon-compile say to each other, each as a whole before its end of the
// connection is closed: a document, and what became of it. Neither believes the other.
//
//     dynmon-compile 1 KIND COUNT\n
//     NAME SIZE\n and SIZE bytes, COUNT times
//
// KIND of a request is `document`, of an answer `probe` or `error`. A number is decimal and has no
// zero in front.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynmon {

namespace compile_limits {
inline constexpr std::size_t fields = 8;
inline constexpr std::size_t request_bytes = (1u << 20) + 1024; // a document has 1 MiB
inline constexpr std::size_t answer_bytes = 16u << 20;
inline constexpr std::size_t manifest_bytes = 1u << 20;
} // namespace compile_limits

struct CompileMessage {
    std::string kind; // lower case letters
    // In the order in which they stand there; each name once, of letters, digits, '.', '-' and '_'.
    // A name is no path.
    std::vector<std::pair<std::string, std::string>> fields;

    const std::string& field(std::string_view name) const; // "": there is none
};

std::string to_bytes(const CompileMessage& message);

// Throws Error{usage} that says what is wrong, for bytes that are no message of this version, are
// cut off or go on behind it. Pure.
CompileMessage parse_compile_message(std::string_view bytes);

// The names of a request and its answers.
namespace compile_field {
inline constexpr const char* document = "document";
inline constexpr const char* what = "what"; // of an error: its text, its hint and its ErrorKind
inline constexpr const char* hint = "hint";
inline constexpr const char* kind = "kind";
} // namespace compile_field

// The probe that a document becomes has this name, and so no name that the document chose.
inline constexpr const char* compiled_probe = "document";
inline constexpr const char* compiled_document = "document.json";

// Files that a probe is made of, besides the document itself.
inline constexpr const char* compiled_files[] = {"probe.yaml", "document.bpf.o", "README.md",
                                                 "ingress.bpf.c", "egress.bpf.c"};

} // namespace dynmon
