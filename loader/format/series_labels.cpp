// SPDX-License-Identifier: BSD-2-Clause
// The labels of a series: which bytes of the key tell it from others, and how they are written.
#include <algorithm>
#include <cstring>

#include "format/metric_text.hpp"
#include "format/series_table.hpp"

namespace dynmon {

bool SeriesTable::has_label(std::string_view name) const {
    return std::any_of(labels_.begin(), labels_.end(),
                       [&](const LabelSource& label) { return label.name == name; });
}

bool SeriesTable::labels_are_distinct() const {
    return std::all_of(labels_.begin(), labels_.end(), [](const LabelSource& label) {
        if (!label.from)
            return true;
        switch (label.text_of.op) {
        case Scalar::Op::u8:
        case Scalar::Op::u16:
        case Scalar::Op::u32:
        case Scalar::Op::u64:
        case Scalar::Op::i8:
        case Scalar::Op::i16:
        case Scalar::Op::i32:
        case Scalar::Op::i64:
        case Scalar::Op::swapped16:
        case Scalar::Op::swapped32:
        case Scalar::Op::swapped64:
        case Scalar::Op::wide:
        case Scalar::Op::ipv4:
        case Scalar::Op::ipv6:
        case Scalar::Op::ip:
        case Scalar::Op::mac:
        case Scalar::Op::protocol8:
        case Scalar::Op::tcp_flags8:
            return true;
        default:
            return false;
        }
    });
}

// Bytes that tell two labels apart, and nothing else: no neighbours of a bitfield, nothing behind
// the end of a text.
void SeriesTable::copy_label(const LabelSource& label, const std::byte* key, char* id) {
    const Layout& slot = label.slot;
    char* to = id + slot.offset;
    if (label.bits.bit_size != 0) {
        const unsigned __int128 value = load_integer(label.bits, key);
        std::memcpy(to, &value, slot.size);
        return;
    }
    std::memcpy(to, key + label.bits.offset, slot.size);
    if (slot.version_at != 0) // 0 where it makes no difference to the text
        to[slot.version_at] = is_mapped(key + label.bits.offset) &&
                                      is_known_ipv6(label.bits.version_at, key + label.bits.offset)
                                  ? 6
                                  : 0;
    if (slot.semantic == Semantic::text)
        if (void* end = std::memchr(to, 0, slot.size))
            std::fill(static_cast<char*>(end), to + slot.size, '\0');
}

void SeriesTable::append_field(std::string_view name, const Scalar& slot, std::uint32_t row,
                               Cursor& out) const {
    const auto* bytes = reinterpret_cast<const std::byte*>(rows_.id(row).data());
    const bool free_text = slot.op == Scalar::Op::text || slot.op == Scalar::Op::enumeration ||
                           slot.op == Scalar::Op::interface;
    if (free_text) { // may need escaping
        std::string text;
        Cursor cursor(text);
        print_slow(slot, bytes, cursor, false);
        cursor.finish();
        std::string label;
        append_label(name, text, label);
        return out.put(label);
    }
    out.put(name);
    out.reserve(Scalar::room + 3);
    out.put('=');
    out.put('"');
    out.at = print_scalar(slot, bytes, out.at, out, false);
    out.reserve(1);
    out.put('"');
}

void SeriesTable::append_labels(std::uint32_t row, bool first, Cursor& out) const {
    const bool is_rest = row >= rows_.size();
    const auto separate = [&] {
        if (!first)
            out.put(",");
        first = false;
    };
    for (const LabelSource& label : labels_) {
        if (is_rest && label.from)
            continue;
        separate();
        if (label.from)
            append_field(label.name, label.text_of, row, out);
        else
            out.put(label.fixed);
    }
    if (is_rest) {
        separate();
        out.put(row == rest_row(Rest::other) ? "dynmon_series=\"other\""
                                             : "dynmon_series=\"ended\"");
    }
    if (index_ && rows_.size() > 1 && !is_rest) {
        separate();
        append_field("index", compile_scalar(*index_, Style::decoded), row, out);
    }
    if (cpu_ && !is_rest) {
        separate();
        append_field("cpu", compile_scalar(*cpu_, Style::decoded), row, out);
    }
    if (!has_label("direction")) {
        separate();
        out.put(metric_.direction == Direction::ingress ? "direction=\"ingress\""
                                                        : "direction=\"egress\"");
    }
}

} // namespace dynmon
