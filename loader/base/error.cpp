#include "base/error.hpp"

#include <string.h>

namespace dynmon {

namespace {
constexpr int kernel_enotsupp = 524; // leaks from the kernel's bpf(2); strerror does not know it
}

std::string errno_name(int error_number) {
    if (error_number == kernel_enotsupp)
        return "ENOTSUPP";
    if (const char* name = strerrorname_np(error_number))
        return name;
    return "errno " + std::to_string(error_number);
}

const char* kind_name(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::failed:
        return "failed";
    case ErrorKind::usage:
        return "usage";
    case ErrorKind::busy:
        return "busy";
    case ErrorKind::unsupported:
        return "unsupported";
    case ErrorKind::rejected:
        return "rejected";
    }
    return "failed";
}

Error::Error(ErrorKind kind, std::string message, int error_number)
    : kind_(kind), errno_(error_number) {
    chain_.push_back(std::move(message));
    render();
}

Error& Error::during(std::string_view step) {
    chain_.emplace(chain_.begin(), step);
    render();
    return *this;
}

Error& Error::hint(std::string text) {
    hint_ = std::move(text);
    return *this;
}

void Error::render() {
    text_.clear();
    for (const std::string& step : chain_) {
        if (!text_.empty())
            text_ += ": ";
        text_ += step;
    }
    if (errno_ != 0)
        text_ += ": " + errno_name(errno_);
}

} // namespace dynmon
