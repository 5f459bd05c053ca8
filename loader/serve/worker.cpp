// SPDX-License-Identifier: BSD-2-Clause
#include "serve/worker.hpp"

#include <utility>

namespace dynmon::serve {

Worker::Worker() : thread_([this] { run(); }) {}

Worker::~Worker() {
    end();
}

void Worker::end() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    more_.notify_one();
    if (thread_.joinable())
        thread_.join();
}

void Worker::add(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    more_.notify_one();
}

void Worker::run() {
    while (true) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            more_.wait(lock, [&] { return ends_ || !jobs_.empty(); });
            if (ends_)
                return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job();
    }
}

} // namespace dynmon::serve
