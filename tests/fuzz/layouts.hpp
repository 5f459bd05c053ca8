// SPDX-License-Identifier: BSD-2-Clause
// Properties of every layout that build_layout() accepts, and of the texts its plans make.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "decode/merge_rule.hpp"
#include "decode/text.hpp"
#include "fuzz/expect.hpp"

namespace dynmon::fuzz {

inline constexpr std::uint32_t most_value_bytes = 4096; // of a value that is printed

inline constexpr Style styles[] = {Style::decoded, Style::raw, Style::dynmon};

// Exactly as large as it says: a byte read beyond the end is seen by the sanitizer.
inline std::vector<std::byte> value_of(std::uint32_t size, const std::vector<std::byte>& from) {
    std::vector<std::byte> value(size);
    for (std::size_t i = 0; i < size && !from.empty(); ++i)
        value[i] = from[i % from.size()];
    value.shrink_to_fit();
    return value;
}

// A field lies within its struct, an element within its array.
inline void check_extent(const Layout& field, std::uint64_t from, std::uint64_t to) {
    expect(field.offset >= from, "a field begins before what contains it");
    expect(std::uint64_t{field.offset} + field.size <= to, "a field ends behind what contains it");
    expect(field.bit_size == 0 || field.bit_offset + field.bit_size <= field.size * 8,
           "a bitfield is wider than its bytes");
    if (field.kind == Layout::Kind::array) {
        expect(field.fields.size() == 1, "an array has one element type");
        expect(field.count == 0 || std::uint64_t{field.count} * field.stride <= field.size,
               "the elements do not fit their array");
        if (field.count > 0)
            check_extent(field.fields.front(), field.offset, field.offset + field.stride);
        return;
    }
    for (const Layout& inner : field.fields)
        check_extent(inner, field.offset, std::uint64_t{field.offset} + field.size);
}

inline void check_json(const Layout& layout, const std::vector<std::byte>& value) {
    for (const Style style : styles) {
        std::string text;
        JsonPlan(layout, style).append(value.data(), text);
        expect(nlohmann::json::accept(text), "no JSON", text);
    }
}

// Each column is the field that its name leads to.
inline void check_columns(const Layout& layout, const std::vector<std::byte>& value) {
    for (const Style style : styles) {
        const ColumnPlan plan(layout, "value", style);
        for (std::size_t i = 0; i < plan.names().size(); ++i) {
            std::string cell;
            plan.append(i, value.data(), cell);
            expect(is_utf8(cell), "a cell is no UTF-8", plan.names()[i]);
            expect(!plan.plain(i) || cell.find_first_of(",\"\r\n") == std::string::npos,
                   "a plain cell needs quotes", cell);
            if (i >= 64) // find_field() copies: enough is enough
                continue;
            std::string_view path;
            expect(split_root(plan.names()[i], "value", path), "a column without its root");
            const auto field = find_field(layout, path);
            expect(field != nullptr, "no field at the path of a column", plan.names()[i]);
            std::string bare;
            append_scalar(*field, style, value.data(), bare);
            if (holds_number(*field))
                (void)read_number(*field, value.data());
            expect(bare == cell, "a column is not the field it names", plan.names()[i]);
        }
    }
}

// Whatever merges, the result is one value: rules never write beside it.
inline void check_merge(const Layout& layout, const std::vector<std::byte>& value) {
    const std::size_t stride = (value.size() + 7) / 8 * 8;
    std::vector<std::byte> copies(stride * 2);
    std::copy(value.begin(), value.end(), copies.begin());
    std::copy(value.begin(), value.end(), copies.begin() + static_cast<std::ptrdiff_t>(stride));
    for (const Merge merge : {Merge::sum, Merge::max, Merge::min, Merge::last, Merge::bit_or}) {
        const MergePlan plan(layout, merge, with_rules_for_bytes(layout, {}));
        std::vector<std::byte> merged(plan.layout().size);
        plan.merge(copies.data(), 2, stride, merged.data());
        check_json(plan.layout(), merged);
    }
}

// Everything at once, for a layout from anywhere.
inline void check_layout(const Layout& layout, const std::vector<std::byte>& bytes) {
    check_extent(layout, 0, layout.size);
    if (layout.size == 0 || layout.size > most_value_bytes) // no map holds values of no bytes
        return;
    const std::vector<std::byte> value = value_of(layout.size, bytes);
    check_json(layout, value);
    try {
        check_columns(layout, value);
        check_merge(layout, value);
    } catch (const Error& error) { // more leaves than columns are made for
        expect(error.kind() == ErrorKind::usage, error.what());
    }
}

} // namespace dynmon::fuzz
