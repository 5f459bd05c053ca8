// SPDX-License-Identifier: BSD-2-Clause
// What to do when an error (dynmon/error.hpp) comes in between: say what was being done, undo what
// was begun, or go on and report the first of several.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "dynmon/error.hpp"

namespace dynmon {

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
