// SPDX-License-Identifier: BSD-2-Clause
// The one error type: what was being done, the errno by name, and what to do about it; and what to
// do when an error comes in between: undo what was begun, or go on and report the first of several.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"

namespace dynmon {

// The value is the exit code of dynmon-load.
enum class ErrorKind {
    failed = 1,      // an operation did not succeed
    usage = 2,       // wrong arguments, manifest or object: nothing was tried
    busy = 3,        // another process or program holds the interface, the lock or the name
    unsupported = 4, // this kernel or device lacks what is needed
    rejected = 5,    // refused by the verifier or by policy
};

// Thrown by every function of dynmon that can fail. A call that throws leaves its object as it was.
class Error : public std::exception {
public:
    Error(ErrorKind kind, std::string message, int error_number = 0);

    // Adds the outer step: `e.during("load probe 'flows'")` turns "create: …" into "load probe
    // 'flows': create: …". Leaves out a step that the following text names already, so that no
    // subject stands there twice. Returns *this so that it can be thrown on.
    Error& during(std::string_view step);
    Error& hint(std::string text);    // one command or sentence, in place of what was there
    Error& or_hint(std::string text); // another one, which stands on a line of its own
    // For a caller that knows better what it means: chain, errno and hint stay.
    Error& as(ErrorKind kind);

    ErrorKind kind() const { return kind_; }
    int error_number() const { return errno_; }
    const std::vector<std::string>& chain() const { return chain_; } // outermost first
    const std::vector<std::string>& hints() const { return hints_; }
    std::string hint() const; // all of them, a line each; may be empty
    const char* what() const noexcept override { return text_.c_str(); } // chain and errno, no hint

protected:
    // For errors whose errno says nothing that the message does not: error_number() has it still.
    void keep_errno_quiet();

private:
    void render();

    ErrorKind kind_;
    int errno_;
    bool shows_errno_ = true;
    std::vector<std::string> chain_;
    std::vector<std::string> hints_;
    std::string text_;
};

// "EPERM" for 1, "ENOTSUPP" for the kernel-internal 524, "errno 9999" for the unknown.
std::string errno_name(int error_number);
// "operation not permitted (EPERM)"
std::string errno_text(int error_number);

const char* kind_name(ErrorKind kind); // "failed", "usage", "busy", "unsupported", "rejected"

// Runs `body`; an Error that leaves it is given `step` as its outer step.
template <typename Body>
decltype(auto) during(std::string_view step, Body&& body) {
    try {
        return std::forward<Body>(body)();
    } catch (Error& error) {
        error.during(step);
        throw;
    }
}

// For work that goes on where a part of it fails.

// Keeps the first error and prints the others as warnings. Not thread-safe.
class Failures {
public:
    template <typename Body>
    void attempt(Body&& body) {
        try {
            body();
        } catch (const Error& error) {
            if (first_)
                log::warn(error.what());
            else
                first_ = error;
        }
    }
    bool any() const { return first_.has_value(); }
    void throw_first() const { // if there is one
        if (first_)
            throw *first_;
    }

private:
    std::optional<Error> first_;
};

// Steps to take back, last first, unless the whole succeeds.

// A step that cannot be taken back is logged: the error that led here is the one to report.
class Undo {
public:
    Undo() = default;
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo() {
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
            try {
                (*step)();
            } catch (const std::exception& error) {
                log::warn(std::string("cannot take back a step: ") + error.what());
            }
        }
    }

    void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
    void commit() { steps_.clear(); }

private:
    std::vector<std::function<void()>> steps_;
};

} // namespace dynmon
