// SPDX-License-Identifier: BSD-2-Clause
// The series of some tables with the text of their labels, made once for all families.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "format/series_table.hpp"

namespace dynmon {

using Identity = std::vector<std::pair<std::string, std::string>>; // labels that all samples have

// Rows whose labels read the same are one sample, and chained to each other.
class LabelledRows {
public:
    struct Row {
        std::uint32_t table; // index in the list of tables
        std::uint32_t row;
        std::uint32_t next; // of the same labels; none: the last
        std::uint32_t text_size;
        std::size_t text;
    };
    static constexpr std::uint32_t none = SeriesRows::none;

    // The tables must outlive it.
    LabelledRows(std::vector<const SeriesTable*> tables, const Identity& identity);

    const std::vector<std::uint32_t>& firsts() const { return firsts_; } // one of each label text
    const Row& operator[](std::uint32_t index) const { return rows_[index]; }
    const SeriesTable& table(const Row& row) const { return *tables_[row.table]; }
    // text_size bytes, readable as whole blocks (see Cursor::put_blocks).
    const char* text(const Row& row) const { return texts_.data() + row.text; }

private:
    bool are_distinct() const;
    void chain_equal();

    std::vector<const SeriesTable*> tables_;
    std::string texts_;
    std::vector<Row> rows_;
    std::vector<std::uint32_t> firsts_;
};

} // namespace dynmon
