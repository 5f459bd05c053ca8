// SPDX-License-Identifier: BSD-2-Clause
// Layout → JSON steps, and the loop that runs them: the hot path of every JSON that is printed.
#include "decode/decode_plan.hpp"
#include "decode/scalar.hpp"
#include "decode/spelling.hpp"

namespace dynmon {

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
