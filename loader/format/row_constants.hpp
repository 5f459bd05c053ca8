// SPDX-License-Identifier: BSD-2-Clause
// What all rows of a metric have in common: where they come from, and what was added to them. So
// rows of several hosts, monitors and windows can be told apart in one file or database.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/exporter.hpp"

namespace dynmon {

struct RowConstant {
    enum class Kind { text, number, unknown };
    std::string_view name;
    std::string value;
    Kind kind = Kind::text;
};

class RowConstants {
public:
    explicit RowConstants(const ExportOptions& options);

    // As the functions of Exporter that are called so.
    void counts_at(const std::vector<CountingPlace>& places) { places_ = places; }
    void begin_document(const std::string& monitor, const Window& window);

    // Host, monitor, device and namespace. Nothing for a map on its own, or where the rows are not
    // to say it.
    std::vector<RowConstant> source(Direction direction) const;
    // The sequence number, and behind a source also when the window began and ended. Nothing for a
    // map on its own.
    std::vector<RowConstant> window() const;
    std::vector<RowConstant> added() const;

private:
    bool in_monitor() const { return !monitor_.empty(); }
    RowConstant time(std::string_view name, std::uint64_t ns) const;
    const CountingPlace* place_of(Direction direction) const;

    std::optional<std::string> host_;
    std::vector<std::pair<std::string, std::string>> added_;
    bool raw_;
    bool wide_as_text_;
    std::vector<CountingPlace> places_;
    std::string monitor_;
    Window window_;
};

// Throws Error{usage} for a name that is none, is there twice, or is that of a column or field
// that rows have in any case.
void require_added(const std::vector<std::pair<std::string, std::string>>& added);
// Likewise for the name of a field of `metric`, with or without "key." or "value." before it.
void require_added(const std::vector<std::pair<std::string, std::string>>& added,
                   const MetricView& metric);

} // namespace dynmon
