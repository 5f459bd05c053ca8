// SPDX-License-Identifier: BSD-2-Clause
// The tokens of C, as far as declarations and names need them: nothing here parses C.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

struct Token {
    enum class Kind { name, text, number, sign };
    Kind kind = Kind::sign;
    std::string text; // of a text with its quotes
    int line = 0;     // from 1
    int column = 0;   // from 1, in bytes
};
using Tokens = std::vector<Token>;

// A line that starts with #: "include", "define", "pragma", …, and what stands behind it.
struct Directive {
    std::string name;
    Tokens rest;
    int line = 0;
    int column = 0;
};

struct LexedCode {
    Tokens tokens; // without directives
    std::vector<Directive> directives;
};

// Code as an author wrote it. Comments are left out, lines that end in a backslash joined.
LexedCode lex_code(std::string_view code);

// What the preprocessor made of it: only tokens of `file`, at their lines in it.
LexedCode lex_preprocessed(std::string_view text, std::string_view file);

} // namespace dynmon
