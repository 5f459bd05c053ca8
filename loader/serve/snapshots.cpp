// SPDX-License-Identifier: BSD-2-Clause
#include "serve/snapshots.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/log.hpp"
#include "control/health.hpp"
#include "control/read.hpp"
#include "format/export_options.hpp"
#include "serve/exposition.hpp"
#include "serve/faults.hpp"

namespace dynmon::serve {

void SharedAnswers::give(const std::string& key, std::function<Reply()> make,
                         const Respond& respond) {
    {
        const std::lock_guard lock(mutex_);
        std::vector<Respond>& others = waiting_[key];
        others.push_back(respond);
        if (others.size() > 1)
            return statistics_.snapshot_shared();
    }
    worker_.add([this, key, make = std::move(make)] {
        const auto began = std::chrono::steady_clock::now();
        Reply reply;
        try {
            reply = make();
        } catch (const std::exception& fault) {
            reply = error_reply(http_error(fault));
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        statistics_.snapshot_taken(took.count());
        std::vector<Respond> asked;
        {
            const std::lock_guard lock(mutex_);
            asked = std::move(waiting_.extract(key).mapped());
        }
        for (const Respond& each : asked)
            each(reply);
    });
}

std::vector<std::string> monitor_names(const Settings& settings) {
    const Store store = settings.open_store(false);
    std::vector<std::string> names =
        store.present() ? store.monitors() : std::vector<std::string>();
    std::sort(names.begin(), names.end());
    return names;
}

bool is_known(const Settings& settings, const std::string& monitor) {
    const std::vector<std::string> names = monitor_names(settings);
    return std::binary_search(names.begin(), names.end(), monitor);
}

void require_known(const Settings& settings, const std::string& monitor) {
    const std::vector<std::string> names = monitor_names(settings);
    if (std::binary_search(names.begin(), names.end(), monitor))
        return;
    const std::string nearest = nearest_name(monitor, names);
    throw HttpError(404, "there is no monitor '" + monitor + "'", "monitor",
                    nearest.empty() ? "" : "did you mean '" + nearest + "'?");
}

namespace {

using Places = std::map<std::string, std::vector<CountingPlace>>;

std::string exposition_of(const Settings& settings, Exposition form, const std::string& monitor,
                          const Places& places) {
    ExportOptions output{.format = form == Exposition::classic ? format_of("prometheus")
                                                               : Format::openmetrics};
    output.build = build_name();
    const auto known = places.find(monitor);
    const ReadRequest request{.name = monitor,
                              .output = &output,
                              .peek = true,
                              .known_places = known == places.end() ? nullptr : &known->second};
    Sink sink(-1);
    settings.lock_patience.renew();
    during("read '" + monitor + "'", [&] { read_monitor(settings, request, sink); });
    return std::move(sink.buffer());
}

} // namespace

std::shared_ptr<MemoryFile> take_exposition(const Settings& settings, Exposition form,
                                            const std::string& monitor, const std::string& own) {
    if (!monitor.empty())
        require_known(settings, monitor);
    JoinedExposition joined;
    std::map<std::string, bool> readable;
    settings.lock_patience.renew();
    const Places places = monitor.empty() ? counting_places_of_all(settings) : Places();
    for (const std::string& name :
         monitor.empty() ? monitor_names(settings) : std::vector<std::string>{monitor}) {
        try {
            const std::string fault = joined.add(exposition_of(settings, form, name, places));
            if (!fault.empty())
                throw Error(ErrorKind::failed, "read '" + name + "': " + fault);
            readable[name] = true;
        } catch (const Error& error) {
            if (!monitor.empty())
                throw;
            log::warn(error.what());
            readable[name] = false;
        }
    }
    std::string rest = own;
    if (!readable.empty()) {
        FamilyWriter family(form, FamilyWriter::Kind::gauge, "dynmon_http_monitor_readable",
                            "Whether the metrics of the monitor are in this exposition.", rest);
        for (const auto& [name, is_readable] : readable)
            family.add(label("monitor", name), is_readable ? 1 : 0);
    }
    joined.add(rest);
    return joined.finish(form == Exposition::openmetrics ? "# EOF\n" : "");
}

} // namespace dynmon::serve
