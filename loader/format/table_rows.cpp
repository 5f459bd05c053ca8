// SPDX-License-Identifier: BSD-2-Clause
// Cells that are safe to show on a terminal.
#include "format/table_rows.hpp"

#include "base/printable.hpp"

namespace dynmon {

namespace {

constexpr char separator = '\x1f'; // a control character: no printable cell has it

} // namespace

void TableRows::add(const Columns::Row& row) {
    std::string& cells = rows_.emplace_back();
    Cursor cursor(cells);
    std::string text;
    for (std::size_t column = 0; column < columns_.names().size(); ++column) {
        if (columns_.plain(column)) {
            columns_.append(column, row, cursor);
        } else {
            text.clear();
            columns_.append(column, row, text);
            cursor.put(printable_line(text));
        }
        cursor.put(std::string_view(&separator, 1));
    }
    cursor.finish();
}

std::vector<std::string_view> TableRows::cells(std::size_t row) const {
    std::vector<std::string_view> cells;
    std::string_view left = rows_[row];
    while (!left.empty()) {
        const std::size_t end = left.find(separator);
        cells.push_back(left.substr(0, end));
        left.remove_prefix(end + 1);
    }
    return cells;
}

} // namespace dynmon
