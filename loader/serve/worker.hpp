// SPDX-License-Identifier: BSD-2-Clause
// The thread that reads and writes monitors, one job after the other, so that the thread of the
// server never waits for a lock of the store, a large map or a verifier.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace dynmon::serve {

class Worker {
public:
    Worker();
    ~Worker(); // finishes the job at hand and drops the others

    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Thread-safe. A job must not throw.
    void add(std::function<void()> job);

private:
    void run();

    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<std::function<void()>> jobs_;
    bool ends_ = false;
    std::thread thread_; // last: uses the others
};

} // namespace dynmon::serve
