// SPDX-License-Identifier: BSD-2-Clause
// The one error type: what was being done, the errno by name, and what to do about it.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

// The value is the exit code of dynmon-load.
enum class ErrorKind {
    failed = 1,      // an operation did not succeed
    usage = 2,       // wrong arguments, manifest or object: nothing was tried
    busy = 3,        // another program or process holds the interface, the lock or the name
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

} // namespace dynmon
