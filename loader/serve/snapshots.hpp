// SPDX-License-Identifier: BSD-2-Clause
// What monitors have counted, as text: read without taking anything (peek), once for all who ask
// meanwhile.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control/settings.hpp"
#include "format/openmetrics.hpp"
#include "serve/memory_file.hpp"
#include "serve/reply.hpp"
#include "serve/statistics.hpp"
#include "serve/worker.hpp"

namespace dynmon::serve {

// Answers that are made by the worker. Those who ask for the same thing while it is being made get
// the same answer; it is never kept longer. Thread-safe.
class SharedAnswers {
public:
    SharedAnswers(Worker& worker, Statistics& statistics)
        : worker_(worker), statistics_(statistics) {}

    // `key` says all that `make` depends on. What `make` throws is the answer, too.
    void give(const std::string& key, std::function<Reply()> make, const Respond& respond);

private:
    Worker& worker_;
    Statistics& statistics_;
    std::mutex mutex_;
    std::map<std::string, std::vector<Respond>> waiting_;
};

// The exposition of all monitors, or of one. `own`: the text of the server's own families. A
// monitor that cannot be read is left out, and dynmon_http_monitor_readable says so; with `monitor`
// that is an error. Throws HttpError{404} for an unknown one.
std::shared_ptr<MemoryFile> take_exposition(const Settings& settings, Exposition form,
                                            const std::string& monitor, const std::string& own);

bool is_known(const Settings& settings, const std::string& monitor);
// Throws HttpError{404} with the nearest name.
void require_known(const Settings& settings, const std::string& monitor);
std::vector<std::string> monitor_names(const Settings& settings);

} // namespace dynmon::serve
