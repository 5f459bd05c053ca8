// SPDX-License-Identifier: BSD-2-Clause
// For work that goes on where a part of it fails.
#pragma once

#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"

namespace dynmon {

// The first error is kept, the others are said. Not thread-safe.
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

} // namespace dynmon
