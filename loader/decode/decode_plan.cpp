// SPDX-License-Identifier: BSD-2-Clause
// One compiled scalar per leaf field, and single scalars as text or number.

#include "decode/decode_plan.hpp"

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "decode/scalar.hpp"
#include "decode/text.hpp"

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

// Layout → JSON steps, and the loop that runs them: the hot path of every JSON that is printed.

// First its literal, then its value: one step per value instead of two.
struct JsonPlan::Step {
    static constexpr std::size_t longest_literal = 255;
    static constexpr std::size_t block = 16; // literals are copied in whole blocks: no memcpy call

    std::uint32_t literal = 0; // position in literals_
    std::uint8_t literal_size = 0;
    std::uint32_t body = 0; // of a loop: the next `body` steps are one element's; 0: no loop
    std::uint32_t count = 0;
    std::uint32_t stride = 0;
    Scalar scalar;
};

JsonPlan::~JsonPlan() = default;
JsonPlan::JsonPlan(JsonPlan&&) noexcept = default;
JsonPlan& JsonPlan::operator=(JsonPlan&&) noexcept = default;

class JsonPlan::Builder {
public:
    Builder(JsonPlan& plan, Style style, bool wide_as_text)
        : plan_(plan), style_(style), wide_as_text_(wide_as_text && style != Style::dynmon) {}

    void build(const Layout& layout, std::string_view before, std::string_view after) {
        literal_ = before;
        value(layout);
        literal_ += after;
        flush_literal();
        plan_.literals_.append(Step::block, '\0'); // the copy of the last one may read on
    }

private:
    void value(const Layout& field) {
        if (prints_whole(field, style_))
            scalar(field);
        else if (field.kind == Layout::Kind::array)
            array(field);
        else
            object(field);
    }

    void scalar(const Layout& field) {
        if (const auto& names = names_of(field, style_))
            plan_.enums_.push_back(names);
        Scalar compiled = compile_scalar(field, style_);
        const unsigned bits = field.is_sum && field.size == 8 ? 48 : width(compiled);
        const bool wide = wide_as_text_ && bits > 53;
        compiled.quoted = wide;
        const bool quoted = wide && is_bare_number(compiled.op);
        if (quoted)
            literal_ += '"';
        add().scalar = compiled;
        if (quoted)
            literal_ += '"';
    }

    static bool is_bare_number(Scalar::Op op) {
        return op == Scalar::Op::u64 || op == Scalar::Op::i64 || op == Scalar::Op::swapped64 ||
               op == Scalar::Op::u128 || op == Scalar::Op::i128 || op == Scalar::Op::wide;
    }

    void object(const Layout& group) {
        literal_ += '{';
        bool first = true;
        members(group, first);
        literal_ += '}';
    }

    void members(const Layout& group, bool& first) {
        for (const Layout& field : group.fields) {
            if (field.name.empty()) { // an anonymous struct or union
                members(field, first);
                continue;
            }
            if (!first)
                literal_ += ',';
            first = false;
            append_json_string(field.name, literal_);
            literal_ += ':';
            value(field);
        }
    }

    void array(const Layout& field) {
        if (field.count == 0) {
            literal_ += "[]";
            return;
        }
        literal_ += '[';
        Step& loop = add();
        loop.count = field.count;
        loop.stride = field.stride;
        const std::size_t at = plan_.steps_.size();
        value(field.fields.front());
        flush_literal();
        plan_.steps_[at - 1].body = static_cast<std::uint32_t>(plan_.steps_.size() - at);
        literal_ += ']';
    }

    // A step with what is left of the literal before it.
    Step& add() {
        while (literal_.size() > Step::longest_literal) {
            take_literal(plan_.steps_.emplace_back(), Step::longest_literal);
        }
        Step& step = plan_.steps_.emplace_back();
        take_literal(step, literal_.size());
        return step;
    }

    void take_literal(Step& step, std::size_t size) {
        step.literal = static_cast<std::uint32_t>(plan_.literals_.size());
        step.literal_size = static_cast<std::uint8_t>(size);
        plan_.literals_.append(literal_, 0, size);
        literal_.erase(0, size);
    }

    void flush_literal() {
        if (!literal_.empty())
            add();
    }

    JsonPlan& plan_;
    Style style_;
    bool wide_as_text_;
    std::string literal_; // not yet taken by a step
};

struct JsonPlan::Run {
    const char* literals;
    Cursor& to;

    char* literal(const Step& step, char* at) const {
        const char* from = literals + step.literal;
        std::memcpy(at, from, Step::block);
        for (std::size_t done = Step::block; done < step.literal_size; done += Step::block)
            std::memcpy(at + done, from + done, Step::block);
        return at + step.literal_size;
    }

    void steps(const Step* step, const Step* end, const std::byte* root) {
        const char* const limit = to.limit(Step::longest_literal + Scalar::room);
        char* at = to.at;
        for (; step != end; ++step) {
            if (at > limit)
                at = to.finish_at(at);
            at = literal(*step, at);
            if (step->body == 0) {
                at = print_scalar(step->scalar, root, at, to, true);
            } else {
                to.at = at;
                loop(*step, step + 1, root);
                at = to.at;
                step += step->body;
            }
        }
        to.at = at;
    }

    void loop(const Step& head, const Step* body, const std::byte* root) {
        for (std::uint32_t i = 0; i < head.count; ++i, root += head.stride) {
            if (i != 0)
                to.put(",");
            steps(body, body + head.body, root);
        }
    }
};

JsonPlan::JsonPlan(const Layout& layout, Style style, std::string_view before,
                   std::string_view after, bool wide_as_text) {
    Builder(*this, style, wide_as_text).build(layout, before, after);
}

void JsonPlan::append(const std::byte* bytes, Cursor& out) const {
    Run{literals_.data(), out}.steps(steps_.data(), steps_.data() + steps_.size(), bytes);
}

void JsonPlan::append(const std::byte* bytes, std::string& out) const {
    Cursor cursor(out);
    append(bytes, cursor);
    cursor.finish();
}

} // namespace dynmon
