// SPDX-License-Identifier: BSD-2-Clause
// One compiled scalar per leaf field, and single scalars as text or number.
#include "base/error.hpp"
#include "btf/path.hpp"
#include "decode/decode_plan.hpp"
#include "decode/scalar.hpp"

namespace dynmon {

namespace {

void append_bare(const Scalar& scalar, const std::byte* bytes, Cursor& out) {
    out.reserve(Scalar::room);
    out.at = print_scalar(scalar, bytes, out.at, out, false);
}

void append_bare(const Scalar& scalar, const std::byte* bytes, std::string& out) {
    Cursor cursor(out);
    append_bare(scalar, bytes, cursor);
    cursor.finish();
}

} // namespace

ColumnPlan::~ColumnPlan() = default;
ColumnPlan::ColumnPlan(ColumnPlan&&) noexcept = default;
ColumnPlan& ColumnPlan::operator=(ColumnPlan&&) noexcept = default;

ColumnPlan::ColumnPlan(const Layout& layout, std::string_view prefix, Style style) {
    for_each_leaf(layout, [&](const std::string& path, const Layout& leaf, std::uint32_t moved) {
        if (leaf.kind == Layout::Kind::opaque && leaf.semantic == Semantic::none)
            return; // a lock or a timer: a column of its name says nothing
        names_.push_back(join_path(prefix, path));
        Scalar& cell = cells_.emplace_back(compile_scalar(leaf, style));
        cell.offset += moved;
        if (const auto& names = names_of(leaf, style))
            enums_.push_back(names);
    });
}

bool ColumnPlan::numeric(std::size_t column) const {
    switch (cells_[column].op) {
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
    case Scalar::Op::u128:
    case Scalar::Op::i128:
    case Scalar::Op::wide:
    case Scalar::Op::hex_number:
    case Scalar::Op::real16:
    case Scalar::Op::real32:
    case Scalar::Op::real64:
    case Scalar::Op::time:
    case Scalar::Op::duration:
    case Scalar::Op::boot_time:
        return true;
    default:
        return false;
    }
}

bool ColumnPlan::plain(std::size_t column) const {
    switch (cells_[column].op) {
    case Scalar::Op::text:
    case Scalar::Op::exact_text:
    case Scalar::Op::enumeration:
    case Scalar::Op::flags:
    case Scalar::Op::interface:
    case Scalar::Op::name:
        return false;
    default:
        return true;
    }
}

void ColumnPlan::append(std::size_t column, const std::byte* bytes, std::string& out) const {
    append_bare(cells_[column], bytes, out);
}

void ColumnPlan::append(std::size_t column, const std::byte* bytes, Cursor& out) const {
    append_bare(cells_[column], bytes, out);
}

void ColumnPlan::append_row(std::size_t first, std::size_t end, const std::byte* bytes,
                            char separator, Cursor& out) const {
    const char* const limit = out.limit(Scalar::room + 1);
    char* at = out.at;
    for (std::size_t column = first; column < end; ++column) {
        if (at > limit)
            at = out.finish_at(at);
        *at++ = separator;
        at = print_scalar(cells_[column], bytes, at, out, false);
    }
    out.at = at;
}

void append_scalar(const Layout& field, Style style, const std::byte* bytes, std::string& out) {
    append_bare(compile_scalar(field, style), bytes, out);
}

bool holds_number(const Layout& field) {
    switch (field.kind) {
    case Layout::Kind::integer:
    case Layout::Kind::boolean:
    case Layout::Kind::character:
    case Layout::Kind::enumeration:
    case Layout::Kind::real:
        return true;
    default:
        return false;
    }
}

Number read_number(const Layout& field, const std::byte* bytes) {
    const Scalar scalar = compile_scalar(field, Style::decoded);
    Number number;
    if (field.kind == Layout::Kind::real) {
        number.kind = Number::Kind::f64;
        number.f = load_real(scalar, bytes);
        return number;
    }
    const unsigned __int128 value = load_integer(scalar, bytes);
    if (field.size > 8 && field.bit_size == 0) {
        number.kind = Number::Kind::f64;
        number.f = field.is_signed ? static_cast<double>(static_cast<__int128>(value))
                                   : static_cast<double>(value);
    } else if (field.is_signed) {
        number.kind = Number::Kind::i64;
        number.i = static_cast<std::int64_t>(value);
    } else {
        number.u = static_cast<std::uint64_t>(value);
    }
    return number;
}

} // namespace dynmon
