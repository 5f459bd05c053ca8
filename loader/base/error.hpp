// The one error type: what was being done, the errno by name, and what to do about it.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynmon {

// The value is the exit code of dynmon-load.
enum class ErrorKind {
    failed = 1,      // an operation did not succeed
    usage = 2,       // wrong arguments, manifest or object: nothing was tried
    busy = 3,        // somebody else holds the interface, the lock or the name
    unsupported = 4, // this kernel or device lacks what is needed
    rejected = 5,    // refused by the verifier or by policy
};

// Thrown by every function of dynmon that can fail. A call that throws leaves its object as it was.
class Error : public std::exception {
public:
    Error(ErrorKind kind, std::string message, int error_number = 0);

    // Adds the outer step: `e.during("load probe 'flows'")` turns "create: EPERM" into
    // "load probe 'flows': create: EPERM". Returns *this so that it can be thrown on.
    Error& during(std::string_view step);
    Error& hint(std::string text);

    ErrorKind kind() const { return kind_; }
    int error_number() const { return errno_; }
    const std::vector<std::string>& chain() const { return chain_; } // outermost first
    const std::string& hint() const { return hint_; }
    const char* what() const noexcept override { return text_.c_str(); } // chain and errno, no hint

private:
    void render();

    ErrorKind kind_;
    int errno_;
    std::vector<std::string> chain_;
    std::string hint_;
    std::string text_;
};

// "EPERM" for 1, "ENOTSUPP" for the kernel-internal 524, "errno 9999" for the unknown.
std::string errno_name(int error_number);

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

} // namespace dynmon
