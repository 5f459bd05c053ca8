// SPDX-License-Identifier: BSD-2-Clause
// The bound on the series of a metric, and what becomes of those beyond it.
#include <algorithm>
#include <numeric>

#include "format/series_table.hpp"

namespace dynmon {

void SeriesTable::keep_place(const std::byte* id) {
    rows_.keep(rows_.find_or_add(reinterpret_cast<const char*>(id)));
}

void SeriesTable::add_rest(Rest rest, const std::uint64_t* values) {
    std::vector<std::uint64_t>& into = rests_[static_cast<std::size_t>(rest)];
    into.resize(numbers_.size());
    for (std::size_t i = 0; i < numbers_.size(); ++i)
        if (adds_up(i))
            combine(into.data(), i, values[i]);
}

const std::uint64_t* SeriesTable::numbers(std::uint32_t row) const {
    if (row < rows_.size())
        return rows_.numbers(row);
    return rests_[row - rows_.size()].data();
}

void SeriesTable::cut() {
    const std::size_t most = metric_.open_metrics->max_series;
    if (rows_.size() <= most)
        return;
    std::vector<std::uint32_t> order(rows_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto fresh = std::stable_partition(
        order.begin(), order.end(), [this](std::uint32_t row) { return rows_.is_kept(row); });
    const auto kept = static_cast<std::size_t>(fresh - order.begin());
    if (kept == order.size())
        return; // all of them had places, when there were more
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::max(kept, most));
    std::nth_element(fresh, end, order.end(), [this](std::uint32_t a, std::uint32_t b) {
        return rows_.id(a) < rows_.id(b);
    });
    left_out_ = std::max(left_out_, static_cast<std::size_t>(order.end() - end));
    for (auto row = end; row != order.end(); ++row)
        add_rest(Rest::other, rows_.numbers(*row));
    order.erase(end, order.end());
    rows_.retain(order);
}

} // namespace dynmon
