// SPDX-License-Identifier: BSD-2-Clause
// Key columns, then the CPU, then value columns, each from its own plan.
#include "format/columns.hpp"

namespace dynmon {

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

} // namespace dynmon
