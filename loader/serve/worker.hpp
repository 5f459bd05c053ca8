// SPDX-License-Identifier: BSD-2-Clause
// A thread that does one job after the other: it reads and writes monitors, so that the thread of
// the server never waits for a lock of the store, a large map or a verifier; another one waits for
// the compile helper.
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
    ~Worker(); // as end()

    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Thread-safe. A job must not throw.
    void add(std::function<void()> job);
    // Finishes the job at hand and drops the others, and those that are added later.
    void end();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<std::function<void()>> jobs_;
    bool ends_ = false;
    std::thread thread_; // last: uses the others
};

} // namespace dynmon::serve
