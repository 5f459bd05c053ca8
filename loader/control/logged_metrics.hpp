// SPDX-License-Identifier: BSD-2-Clause
// A window as named readers find it: the raw entries of all metrics, as the kernel returned them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "control/window_log.hpp"
#include "state/generation.hpp"

namespace dynmon {

// Puts the windows that it is given into a log: they may leave the kernel then.
class LogWriter final : public Exporter {
public:
    explicit LogWriter(WindowLog& log) : log_(log) {}

    void begin_document(const std::string& monitor, const Window& window) override;
    void begin_metric(const MetricView& metric) override;
    void entries(const Batch& batch) override;
    void end_metric(std::uint64_t timestamp_us) override;
    void end_document() override;

private:
    WindowLog& log_;
    Window window_;
    std::vector<std::byte> bytes_;
    std::size_t head_ = 0; // of the metric at hand
};

// A metric of a logged window. `entries` point into the bytes that it was read from.
struct LoggedMetric {
    Direction direction = Direction::ingress;
    std::string name;
    MapFacts facts; // type and sizes of its map
    std::uint64_t from_ns = 0;
    std::uint64_t timestamp_us = 0;
    std::vector<Batch> entries;
};

// Throws Damaged for what LogWriter does not write.
std::vector<LoggedMetric> read_logged(const std::vector<std::byte>& bytes);

} // namespace dynmon
