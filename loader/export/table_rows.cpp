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

std::string printable(std::string text) {
    std::string safe;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_control(text, i)) {
            safe += text[i];
            continue;
        }
        append_escape(text[i], safe);
        if (text[i] == '\xc2')
            append_escape(text[++i], safe);
    }
    return safe;
}

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
    for (std::size_t column = 0; column < columns_.names().size(); ++column) {
        std::string cell;
        columns_.append(column, row, cell);
        kept.cells.push_back(printable(std::move(cell)));
    }
    rows_.push_back(std::move(kept));
    if (order_ && top_ != 0)
        std::push_heap(rows_.begin(), rows_.end(), sooner);
}

std::vector<std::vector<std::string>> TableRows::take() {
    if (order_)
        std::sort(rows_.begin(), rows_.end(),
                  [this](const Kept& a, const Kept& b) { return before(a, b); });
    std::vector<std::vector<std::string>> cells;
    cells.reserve(rows_.size());
    for (Kept& row : rows_)
        cells.push_back(std::move(row.cells));
    rows_.clear();
    return cells;
}

} // namespace dynmon
