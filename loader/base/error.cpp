// SPDX-License-Identifier: BSD-2-Clause
#include "base/error.hpp"

#include <cctype>
#include <cerrno>

#include <string.h>

namespace dynmon {

namespace {

constexpr int kernel_enotsupp = 524; // leaks from the kernel's bpf(2); strerror does not know it

bool goes_on_a_word(std::string_view text, std::size_t at) {
    return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) ||
                                text[at] == '_' || text[at] == '/' || text[at] == '-');
}

// Whether `message` has all of `step` in it, as words of its own.
bool says(std::string_view message, std::string_view step) {
    const std::size_t at = message.find(step);
    return !step.empty() && at != std::string_view::npos &&
           (at == 0 || !goes_on_a_word(message, at - 1)) &&
           !goes_on_a_word(message, at + step.size());
}

} // namespace

std::string errno_name(int error_number) {
    if (error_number == kernel_enotsupp)
        return "ENOTSUPP";
    if (const char* name = strerrorname_np(error_number))
        return name;
    return "errno " + std::to_string(error_number);
}

std::string errno_text(int error_number) {
    const char* words =
        strerrordesc_np(error_number == kernel_enotsupp ? EOPNOTSUPP : error_number);
    if (words == nullptr)
        return errno_name(error_number);
    std::string text = words;
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text + " (" + errno_name(error_number) + ")";
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
    if (!says(chain_.front(), step))
        chain_.emplace(chain_.begin(), step);
    render();
    return *this;
}

Error& Error::hint(std::string text) {
    hints_.clear();
    return or_hint(std::move(text));
}

Error& Error::or_hint(std::string text) {
    if (!text.empty())
        hints_.push_back(std::move(text));
    return *this;
}

std::string Error::hint() const {
    std::string all;
    for (const std::string& hint : hints_)
        all += (all.empty() ? "" : "\n") + hint;
    return all;
}

void Error::keep_errno_quiet() {
    shows_errno_ = false;
    render();
}

Error& Error::as(ErrorKind kind) {
    kind_ = kind;
    return *this;
}

void Error::render() {
    text_.clear();
    for (const std::string& step : chain_) {
        if (!text_.empty())
            text_ += ": ";
        text_ += step;
    }
    if (errno_ != 0 && shows_errno_)
        text_ += ": " + errno_text(errno_);
}

} // namespace dynmon
