// One compiled scalar per leaf field, and single scalars as text or number.
#include "base/error.hpp"
#include "layout/decode_plan.hpp"
#include "layout/path.hpp"
#include "layout/scalar.hpp"

namespace dynmon {

namespace {

using Op = Scalar::Op;

bool is_real(const Scalar& scalar) {
    return scalar.op == Op::real32 || scalar.op == Op::real64;
}

// By its size and not by how it is printed: a real may be shown as hexadecimal bytes.
double load_real(const Scalar& scalar, const std::byte* bytes) {
    return scalar.size == 4 ? load<float>(bytes + scalar.offset)
                            : load<double>(bytes + scalar.offset);
}

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
        names_.push_back(join_path(prefix, path));
        Scalar& cell = cells_.emplace_back(compile_scalar(leaf, style));
        cell.offset += moved;
        if (leaf.enumerators)
            enums_.push_back(leaf.enumerators);
    });
}

bool ColumnPlan::numeric(std::size_t column) const {
    switch (cells_[column].op) {
    case Op::u8:
    case Op::u16:
    case Op::u32:
    case Op::u64:
    case Op::i8:
    case Op::i16:
    case Op::i32:
    case Op::i64:
    case Op::swapped16:
    case Op::swapped32:
    case Op::swapped64:
    case Op::wide:
    case Op::real32:
    case Op::real64:
    case Op::time:
    case Op::duration:
        return true;
    default:
        return false;
    }
}

bool ColumnPlan::plain(std::size_t column) const {
    const Op op = cells_[column].op;
    return op != Op::text && op != Op::exact_text && op != Op::enumeration;
}

void ColumnPlan::append(std::size_t column, const std::byte* bytes, std::string& out) const {
    append_bare(cells_[column], bytes, out);
}

void ColumnPlan::append(std::size_t column, const std::byte* bytes, Cursor& out) const {
    append_bare(cells_[column], bytes, out);
}

double ColumnPlan::number(std::size_t column, const std::byte* bytes) const {
    const Scalar& cell = cells_[column];
    if (is_real(cell))
        return load_real(cell, bytes);
    const unsigned __int128 value = load_integer(cell, bytes);
    return cell.is_signed ? static_cast<double>(static_cast<__int128>(value))
                          : static_cast<double>(value);
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
    const Scalar scalar = compile_scalar(field, Style::people);
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
