// The rows of one printed table: sorted, cut to the first N, and no more of them kept than that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/columns.hpp"

namespace dynmon {

struct SortOrder {
    std::size_t column = 0;
    bool descending = false;
};

class TableRows {
public:
    // `top` 0: all rows. Without `order` they stay as they come.
    TableRows(const Columns& columns, std::optional<SortOrder> order, std::size_t top)
        : columns_(columns), order_(order), top_(top) {}

    void add(const Columns::Row& row);
    std::uint64_t seen() const { return seen_; }

    // Sorts; to be called once, after the last row.
    void finish();
    std::size_t size() const { return rows_.size(); }
    std::vector<std::string_view> cells(std::size_t row) const; // valid as long as the table

private:
    struct Kept {
        double number = 0;
        std::string text;
        std::uint64_t arrival = 0;
        std::string cells; // one after the other, each with a separator behind it
    };
    void append_cells(const Columns::Row& row, std::string& cells) const;
    bool before(const Kept& a, const Kept& b) const;
    bool is_full() const { return top_ != 0 && rows_.size() == top_; }

    const Columns& columns_;
    std::optional<SortOrder> order_;
    std::size_t top_;
    std::uint64_t seen_ = 0;
    std::vector<Kept> rows_; // with order and top: a heap whose front is the row to be dropped next
};

} // namespace dynmon
