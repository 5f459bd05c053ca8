// SPDX-License-Identifier: BSD-2-Clause
// Steps to take back, last first, unless the whole succeeds.
#pragma once

#include <exception>
#include <functional>
#include <utility>
#include <vector>

#include "base/log.hpp"

namespace dynmon {

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
