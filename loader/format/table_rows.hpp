// SPDX-License-Identifier: BSD-2-Clause
// The rows of one printed table, kept until all of them are known and their columns can be aligned.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format/columns.hpp"

namespace dynmon {

class TableRows {
public:
    explicit TableRows(const Columns& columns) : columns_(columns) {}

    void add(const Columns::Row& row);
    std::size_t size() const { return rows_.size(); }
    std::vector<std::string_view> cells(std::size_t row) const; // valid as long as the table

private:
    const Columns& columns_;
    std::vector<std::string> rows_; // cells one after the other, each with a separator behind it
};

} // namespace dynmon
