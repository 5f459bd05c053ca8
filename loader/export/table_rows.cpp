// Cells that are safe to show on a terminal.
#include "export/table_rows.hpp"

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
            std::string safe;
            append_printable(text, safe);
            cursor.put(safe);
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
