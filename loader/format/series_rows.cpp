// SPDX-License-Identifier: BSD-2-Clause
#include "format/series_rows.hpp"

namespace dynmon {

void SeriesRows::set_shape(std::size_t id_size, std::size_t width) {
    *this = SeriesRows();
    id_size_ = id_size;
    width_ = width;
}

std::uint32_t SeriesRows::find_or_add(const char* bytes) {
    const std::string_view wanted(bytes, id_size_);
    const auto id_of = [this](std::uint32_t row) { return id(row); };
    std::size_t place = index_.place_of(wanted, id_of);
    if (index_.at(place) != none)
        return index_.at(place);
    if (index_.is_full(size())) {
        index_.rebuild(size(), id_of);
        place = index_.place_of(wanted, id_of);
    }
    const auto row = static_cast<std::uint32_t>(size());
    index_.put(place, row);
    ids_.append(wanted);
    numbers_.resize(numbers_.size() + width_);
    flags_.push_back(0);
    return row;
}

void SeriesRows::retain(const std::vector<std::uint32_t>& rows) {
    SeriesRows left;
    left.set_shape(id_size_, width_);
    for (const std::uint32_t row : rows) {
        left.ids_.append(id(row));
        left.numbers_.insert(left.numbers_.end(), numbers(row), numbers(row) + width_);
        left.flags_.push_back(flags_[row]);
    }
    left.index_.rebuild(left.size(), [&left](std::uint32_t row) { return left.id(row); });
    *this = std::move(left);
}

} // namespace dynmon
