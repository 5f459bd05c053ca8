// SPDX-License-Identifier: BSD-2-Clause
// Named readers: which there are, and how they get the windows that wait for them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/read.hpp"
#include "control/window.hpp"
#include "control/window_log.hpp"
#include "format/export_options.hpp"
#include "state/store.hpp"

namespace dynmon {

// The log of the request's monitor, with its reader in it: from now on each window waits for it.
// What has waited for too long is gone. The caller holds the monitor's lock.
WindowLog open_log_for(const Store& store, const ReadRequest& request);

// Throws Error{busy} when the monitor has named readers: one without a name takes their windows.
void require_no_named_readers(const Store& store, const std::string& monitor);

// Removes a named reader, and what only it had not taken. Throws Error{usage} for one that is not
// there, Error{busy} for one that runs.
void forget_reader(const Settings& settings, const std::string& monitor, const std::string& reader);

// Prints what waits for one reader, or gives it to the consumer of the request.
class HandOut {
public:
    // `sources` are those of the running generation; all must outlive this. Throws Error{usage}
    // when the request does not fit them, and as its consumer's prepare() does.
    HandOut(const Store& store, const ReadRequest& request, WindowLog& log,
            const std::vector<MetricSource>& sources, const std::vector<CountingPlace>& places,
            Sink& sink);

    // Each window is taken off when all of it is written. A reader that is killed before gets it
    // once more.
    void run();

private:
    void hand_out(const LoggedWindow& window, bool last);
    void take_off(std::uint64_t up_to);

    const Store& store_;
    const ReadRequest& request_;
    WindowLog& log_;
    Sink& sink_;
    std::vector<const MetricSource*> selected_;
    ExportOptions output_;
    std::unique_ptr<Exporter> own_exporter_; // none for a consumer
    Exporter* exporter_;
};

} // namespace dynmon
