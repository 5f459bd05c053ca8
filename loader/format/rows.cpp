// SPDX-License-Identifier: BSD-2-Clause
#include "format/rows.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "btf/layout.hpp"
#include "format/export_options.hpp"
#include "format/json_document.hpp"
#include "format/openmetrics.hpp"

namespace dynmon {

Rows::Rows(const MetricView& metric)
    : merged_(metric), cpus_(merged_.view().cpus), stride_(cpu_stride(merged_.view())) {}

// Key columns, then the CPU, then value columns, each from its own plan.

Columns::Columns(const MetricView& metric, Style style, char separator)
    : rows_(metric), value_(metric.value, "value", style), separator_(separator) {
    if (metric.key) {
        key_.emplace(*metric.key, "key", style);
        names_ = key_->names();
        keys_ = names_.size();
    }
    if (rows_.with_cpu())
        names_.push_back("cpu");
    names_.insert(names_.end(), value_.names().begin(), value_.names().end());
    find_runs();
}

void Columns::find_runs() {
    for (std::size_t column = 0; column < names_.size(); ++column) {
        const auto of = !plain(column) || is_cpu(column) ? Run::other
                        : is_key(column)                 ? Run::key
                                                         : Run::value;
        if (of != Run::other && !runs_.empty() && runs_.back().of == of)
            ++runs_.back().end;
        else
            runs_.push_back({of, column, column + 1});
    }
}

bool Columns::numeric(std::size_t column) const {
    if (is_key(column))
        return key_->numeric(column);
    return is_cpu(column) || value_.numeric(value_column(column));
}

bool Columns::plain(std::size_t column) const {
    if (is_key(column))
        return key_->plain(column);
    return is_cpu(column) || value_.plain(value_column(column));
}

void Columns::append(std::size_t column, const Row& row, Cursor& out) const {
    if (is_key(column))
        key_->append(column, row.key, out);
    else if (is_cpu(column))
        out.put(std::to_string(row.cpu));
    else
        value_.append(value_column(column), row.value, out);
}

void Columns::append(std::size_t column, const Row& row, std::string& out) const {
    Cursor cursor(out);
    append(column, row, cursor);
    cursor.finish();
}

namespace {

std::string identity_labels(const SeriesTable& table, const Identity& identity) {
    std::string list;
    for (const auto& [name, value] : identity) {
        const std::string label = label_name(name);
        if (table.has_label(label))
            continue; // the manifest's label of that name is meant to be seen
        list += list.empty() ? "" : ",";
        append_label(label, value, list);
    }
    return list;
}

} // namespace

LabelledRows::LabelledRows(std::vector<const SeriesTable*> tables, const Identity& identity)
    : tables_(std::move(tables)) {
    Cursor cursor(texts_);
    for (std::uint32_t table = 0; table < tables_.size(); ++table) {
        const std::string common = identity_labels(*tables_[table], identity);
        for (const std::uint32_t row : tables_[table]->sorted_rows()) {
            const std::size_t start = texts_.size();
            cursor.put(common);
            tables_[table]->append_labels(row, common.empty(), cursor);
            cursor.finish();
            rows_.push_back(
                {table, row, none, static_cast<std::uint32_t>(texts_.size() - start), start});
        }
    }
    texts_.append(Cursor::block, '\0');
    chain_equal();
}

// Tables of different directions say so in their labels.
bool LabelledRows::are_distinct() const {
    const bool one_each =
        tables_.size() == 1 || (tables_.size() == 2 && !tables_[0]->has_label("direction") &&
                                !tables_[1]->has_label("direction") &&
                                tables_[0]->metric().direction != tables_[1]->metric().direction);
    return one_each && std::all_of(tables_.begin(), tables_.end(), [](const SeriesTable* table) {
               return table->labels_are_distinct();
           });
}

void LabelledRows::chain_equal() {
    if (are_distinct()) { // most are: nothing to look for
        firsts_.resize(rows_.size());
        std::iota(firsts_.begin(), firsts_.end(), 0);
        return;
    }
    std::unordered_map<std::string_view, std::uint32_t> last;
    for (std::uint32_t i = 0; i < rows_.size(); ++i) {
        const auto [found, added] =
            last.emplace(std::string_view(text(rows_[i]), rows_[i].text_size), i);
        if (added)
            firsts_.push_back(i);
        else
            rows_[std::exchange(found->second, i)].next = i;
    }
}

namespace {

// Columns of CSV and JSON lines, whichever of them a metric has.
constexpr std::string_view own_names[] = {
    "host", "monitor", "device", "namespace", "metric", "direction", "sequence",
    "from", "to",      "key",    "cpu",       "value",  "attached",  "health"};

Error taken(const std::string& name, const std::string& by) {
    return Error(ErrorKind::usage, "--add: '" + name + "' is the name of " + by + " already")
        .hint("choose another name, such as 'my_" + name + "'");
}

void require_other_than(const std::string& name, const Layout& root, const std::string& prefix,
                        const MetricView& metric) {
    for (const std::string& path : leaf_paths(root))
        if (path == name || path.starts_with(name + '.') || path.starts_with(name + '['))
            throw taken(name,
                        "field '" + prefix + '.' + path + "' of metric '" + metric.name + "'");
}

} // namespace

RowConstants::RowConstants(const ExportOptions& options)
    : host_(options.host), added_(options.added), raw_(options.raw),
      wide_as_text_(options.wide_as_text) {}

void RowConstants::begin_document(const std::string& monitor, const Window& window) {
    monitor_ = monitor;
    window_ = window;
}

const CountingPlace* RowConstants::place_of(Direction direction) const {
    for (const CountingPlace& place : places_)
        if (place.direction == direction)
            return &place;
    return places_.empty() ? nullptr : &places_.front(); // a replaced probe had more directions
}

std::vector<RowConstant> RowConstants::source(Direction direction) const {
    if (!host_ || !in_monitor())
        return {};
    const CountingPlace* const place = place_of(direction);
    const auto known = [](std::string_view name, const std::string& value) {
        return RowConstant{name, value,
                           value.empty() ? RowConstant::Kind::unknown : RowConstant::Kind::text};
    };
    return {known("host", *host_), known("monitor", monitor_),
            known("device", place != nullptr ? place->device : ""),
            known("namespace", place != nullptr ? place->netns : "")};
}

std::vector<RowConstant> RowConstants::window() const {
    if (!in_monitor())
        return {};
    std::vector<RowConstant> constants = {
        {"sequence", std::to_string(window_.sequence), RowConstant::Kind::number}};
    if (host_) {
        constants.push_back(time("from", window_.from_ns));
        constants.push_back(time("to", window_.to_ns));
    }
    return constants;
}

RowConstant RowConstants::time(std::string_view name, std::uint64_t ns) const {
    if (ns == 0)
        return {name, "", RowConstant::Kind::unknown};
    if (raw_)
        return {name, std::to_string(ns),
                wide_as_text_ ? RowConstant::Kind::text : RowConstant::Kind::number};
    return {name, time_text(ns), RowConstant::Kind::text};
}

std::vector<RowConstant> RowConstants::added() const {
    std::vector<RowConstant> constants;
    for (const auto& [name, value] : added_)
        constants.push_back({name, value, RowConstant::Kind::text});
    return constants;
}

void require_added(const std::vector<std::pair<std::string, std::string>>& added) {
    for (auto one = added.begin(); one != added.end(); ++one) {
        const std::string& name = require_identifier(one->first, "--add");
        if (std::find(std::begin(own_names), std::end(own_names), name) != std::end(own_names))
            throw taken(name, "a column");
        if (std::any_of(added.begin(), one, [&](const auto& other) { return other.first == name; }))
            throw Error(ErrorKind::usage, "--add: '" + name + "' is there twice")
                .hint("give each name one value");
    }
}

void require_added(const std::vector<std::pair<std::string, std::string>>& added,
                   const MetricView& metric) {
    for (const auto& [name, value] : added) {
        if (metric.key)
            require_other_than(name, *metric.key, "key", metric);
        require_other_than(name, metric.value, "value", metric);
    }
}

} // namespace dynmon
