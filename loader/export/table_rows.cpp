// A heap of the best rows where only the first N are asked for, a sorted list otherwise.
#include "export/table_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "layout/digits.hpp"

namespace dynmon {

namespace {

// A terminal obeys control characters, and a text may come from a packet: they are shown as \x1b.
// The two-byte forms of U+0080 to U+009F are control characters too.
bool is_control(const std::string& text, std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7f)
        return true;
    return byte == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0;
}

void append_escape(char byte, std::string& out) {
    char digits[2];
    put_hex_byte(digits, static_cast<std::uint8_t>(byte));
    out.append("\\x").append(digits, 2);
}

void append_printable(const std::string& text, std::string& out) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_control(text, i)) {
            out += text[i];
            continue;
        }
        append_escape(text[i], out);
        if (text[i] == '\xc2')
            append_escape(text[++i], out);
    }
}

constexpr char separator = '\x1f'; // a control character: no printable cell has it

} // namespace

bool TableRows::before(const Kept& a, const Kept& b) const {
    if (a.number != b.number)
        return order_->descending ? a.number > b.number : a.number < b.number;
    if (const int texts = a.text.compare(b.text); texts != 0)
        return order_->descending ? texts > 0 : texts < 0;
    return a.arrival < b.arrival;
}

void TableRows::add(const Columns::Row& row) {
    Kept kept;
    kept.arrival = seen_++;
    if (!order_ && is_full())
        return;
    if (order_ && columns_.numeric(order_->column)) {
        kept.number = columns_.number(order_->column, row);
        if (std::isnan(kept.number)) // has no place in an order
            kept.number = -std::numeric_limits<double>::infinity();
    } else if (order_) {
        columns_.append(order_->column, row, kept.text);
    }
    const auto sooner = [this](const Kept& a, const Kept& b) { return before(a, b); };
    if (is_full()) {
        if (!before(kept, rows_.front()))
            return; // before its cells were made: most rows of a large map end here
        std::pop_heap(rows_.begin(), rows_.end(), sooner);
        rows_.pop_back();
    }
    append_cells(row, kept.cells);
    rows_.push_back(std::move(kept));
    if (order_ && top_ != 0)
        std::push_heap(rows_.begin(), rows_.end(), sooner);
}

void TableRows::append_cells(const Columns::Row& row, std::string& cells) const {
    Cursor cursor(cells);
    std::string text;
    for (std::size_t column = 0; column < columns_.names().size(); ++column) {
        if (columns_.plain(column)) {
            columns_.append(column, row, cursor);
        } else {
            text.clear();
            columns_.append(column, row, text);
            std::string safe;
            append_printable(text, safe);
            cursor.put(safe);
        }
        cursor.put(std::string_view(&separator, 1));
    }
    cursor.finish();
}

void TableRows::finish() {
    if (order_)
        std::sort(rows_.begin(), rows_.end(),
                  [this](const Kept& a, const Kept& b) { return before(a, b); });
}

std::vector<std::string_view> TableRows::cells(std::size_t row) const {
    std::vector<std::string_view> cells;
    std::string_view left = rows_[row].cells;
    while (!left.empty()) {
        const std::size_t end = left.find(separator);
        cells.push_back(left.substr(0, end));
        left.remove_prefix(end + 1);
    }
    return cells;
}

} // namespace dynmon
