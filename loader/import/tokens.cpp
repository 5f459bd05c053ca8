// SPDX-License-Identifier: BSD-2-Clause
#include "import/tokens.hpp"

#include <cstdlib>

namespace dynmon {

namespace {

bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) {}

    LexedCode run() {
        while (skip_blank()) {
            if (text_[at_] == '#' && fresh_line_) {
                directive();
                continue;
            }
            fresh_line_ = false;
            lexed_.tokens.push_back(token());
        }
        return std::move(lexed_);
    }

private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    void step() {
        if (text_[at_] == '\n') {
            ++line_;
            column_ = 1;
        } else {
            ++column_;
        }
        ++at_;
    }
    // Over a backslash at the end of a line, which joins it with the next one.
    bool skip_splice() {
        const std::size_t length = peek() == '\\' && peek(1) == '\n'                      ? 2
                                   : peek() == '\\' && peek(1) == '\r' && peek(2) == '\n' ? 3
                                                                                          : 0;
        for (std::size_t i = 0; i < length; ++i)
            step();
        return length != 0;
    }

    // To the next token; in a directive to the end of its line. False: there is none.
    bool skip_blank() {
        while (at_ < text_.size()) {
            if (skip_splice())
                continue;
            const char c = peek();
            if (c == '\n') {
                if (in_directive_)
                    return false;
                fresh_line_ = true;
                step();
            } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
                step();
            } else if (c == '/' && peek(1) == '/') {
                while (at_ < text_.size() && peek() != '\n')
                    if (!skip_splice())
                        step();
            } else if (c == '/' && peek(1) == '*') {
                step();
                step();
                while (at_ < text_.size() && !(peek() == '*' && peek(1) == '/'))
                    step();
                for (int i = 0; i < 2 && at_ < text_.size(); ++i)
                    step();
            } else {
                return true;
            }
        }
        return false;
    }

    void directive() {
        Directive directive;
        directive.line = line_;
        directive.column = column_;
        in_directive_ = true;
        step();
        bool first = true;
        while (skip_blank()) {
            Token next = token();
            if (first && next.kind != Token::Kind::sign)
                directive.name = next.text;
            else
                directive.rest.push_back(std::move(next));
            first = false;
        }
        in_directive_ = false;
        lexed_.directives.push_back(std::move(directive));
    }

    Token token() {
        Token token;
        token.line = line_;
        token.column = column_;
        const char c = peek();
        if (is_name_start(c)) {
            token.kind = Token::Kind::name;
            while (is_name_start(peek()) || is_digit(peek())) {
                take(token);
                while (skip_splice()) {
                }
            }
        } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
            token.kind = Token::Kind::number;
            while (is_name_start(peek()) || is_digit(peek()) || peek() == '.')
                take(token);
        } else if (c == '"' || c == '\'') {
            token.kind = Token::Kind::text;
            take(token);
            while (at_ < text_.size() && peek() != c && peek() != '\n') {
                if (skip_splice())
                    continue;
                if (peek() == '\\')
                    take(token);
                if (at_ < text_.size())
                    take(token);
            }
            if (peek() == c)
                take(token);
        } else {
            take(token);
            if (c == '-' && peek() == '>')
                take(token);
        }
        return token;
    }
    void take(Token& token) {
        token.text += peek();
        step();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int line_ = 1;
    int column_ = 1;
    bool fresh_line_ = true;
    bool in_directive_ = false;
    LexedCode lexed_;
};

} // namespace

LexedCode lex_code(std::string_view code) {
    return Lexer(code).run();
}

LexedCode lex_preprocessed(std::string_view text, std::string_view file) {
    LexedCode all = Lexer(text).run();
    // `# 12 "ingress.c" 2`: the next line is line 12 of that file.
    LexedCode own;
    const std::string quoted = '"' + std::string(file) + '"';
    std::size_t next = 0;
    bool ours = false;
    int shift = 0;
    for (Token& token : all.tokens) {
        while (next < all.directives.size() && all.directives[next].line < token.line) {
            const Directive& marker = all.directives[next++];
            if (marker.name.empty() || !is_digit(marker.name.front()) || marker.rest.empty())
                continue;
            ours = marker.rest.front().text == quoted;
            shift =
                static_cast<int>(std::strtol(marker.name.c_str(), nullptr, 10)) - marker.line - 1;
        }
        if (!ours)
            continue;
        token.line += shift;
        own.tokens.push_back(std::move(token));
    }
    return own;
}

} // namespace dynmon
