// SPDX-License-Identifier: BSD-2-Clause
// Spaces messages out, so that they find room at a receiver that cannot say when it is full. Pure.
#pragma once

#include <chrono>
#include <cstdint>

namespace dynmon {

// A few messages may go at once: whoever woke up late catches up with them.
class Pace {
public:
    explicit Pace(std::uint64_t messages_per_second); // 0: there is no bound

    // How long the next message has to wait.
    std::chrono::nanoseconds wait(std::chrono::nanoseconds now) const;
    void sent(std::chrono::nanoseconds now); // a message
    // So many messages are to take no longer than `time` from here on.
    void fit(std::uint64_t messages, std::chrono::nanoseconds time);

private:
    std::chrono::nanoseconds gap_;
    std::chrono::nanoseconds due_{0}; // of the next message
};

} // namespace dynmon
