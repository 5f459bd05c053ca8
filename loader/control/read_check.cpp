// SPDX-License-Identifier: BSD-2-Clause
#include "control/read_check.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "control/chain_lookup.hpp"
#include "control/named_sources.hpp"
#include "control/selection.hpp"
#include "format/shape.hpp"
#include "kernel/clock.hpp"

namespace dynmon {

namespace {

// What a replaced probe left is read first, and may have had other fields.
void require_shape_of(const Store& store, const GenerationDir& old, const ReadRequest& request,
                      const ExportOptions& options) {
    if (!old.read_retirement())
        return;
    const GenerationRecord record = old.read_record();
    const std::vector<MetricSource> sources = named_sources(store, old, record);
    std::vector<const MetricView*> views;
    for (const MetricSource& source : sources)
        if (wants(request, source))
            views.push_back(&source.view);
    if (!views.empty())
        during("what generation " + std::to_string(record.number) + " left, which was replaced",
               [&] { require_shape(options, views); });
}

} // namespace

ExportOptions checked_output(const Store& store, const ReadRequest& request,
                             const std::vector<const MetricSource*>& selected) {
    std::vector<const MetricView*> views;
    for (const MetricSource* source : selected)
        views.push_back(&source->view);
    const bool prints = request.consumer == nullptr && request.output != nullptr;
    ExportOptions options = prints ? *request.output : ExportOptions{};
    options.metric_count = views.size();
    options.now_ns = epoch_ns();
    require_shape(options, views);
    if (has_shape(options))
        for (const GenerationDir& old : retired_generations(store, request.name))
            require_shape_of(store, old, request, options);
    return options;
}

void require_one_window(const Store& store, const ReadRequest& request, const MonitorState& state,
                        const std::vector<const MetricSource*>& selected) {
    bool waits = std::any_of(selected.begin(), selected.end(), [&](const MetricSource* source) {
        return (state.pending & source->bit()) != 0;
    });
    for (const GenerationDir& old : retired_generations(store, request.name))
        for (const MetricSource& source : metric_sources(old, old.read_record()))
            waits = waits || (old.read_retirement() && wants(request, source));
    if (waits)
        throw Error(ErrorKind::usage, "npy is one array, and an earlier window has not been read "
                                      "yet")
            .hint("--format npz has room for both; any other read takes the earlier one away");
}

} // namespace dynmon
