// SPDX-License-Identifier: BSD-2-Clause
#include "decode/record_plan.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/layout.hpp"

namespace dynmon {

namespace {

using Kind = Layout::Kind;

bool is_group(const Layout& field) {
    return field.kind == Kind::structure || field.kind == Kind::union_;
}

// Letters of the longest address or prefix that the field may be; 0: it is none.
std::uint32_t longest_address(const Layout& field) {
    constexpr std::uint32_t ipv4 = 15; // "255.255.255.255"
    constexpr std::uint32_t ipv6 = 39; // "2001:0db8:…", of which put_ipv6() leaves out zeroes
    constexpr std::uint32_t small_key = 8;
    switch (field.semantic) {
    case Semantic::ipv4:
        return ipv4;
    case Semantic::ipv6:
    case Semantic::ip:
        return ipv6;
    case Semantic::mac:
        return 17;
    case Semantic::cidr:
        return field.size == small_key ? ipv4 + 3 : ipv6 + 4; // "/32", "/128"
    default:
        return 0;
    }
}

// Bytes that no number stands for: they stay as they are.
bool is_bytes(const Layout& field) {
    if (longest_address(field) != 0)
        return true;
    if (field.semantic == Semantic::hex) // of an integer only another way to write it
        return !holds_number(field);
    return is_group(field) || field.kind == Kind::array;
}

// `letters` of UCS-4, with zeroes behind the text.
[[gnu::noinline]] void put_letters(const Scalar& scalar, const std::byte* bytes,
                                   std::uint32_t letters, char* to) {
    std::string beyond;
    Cursor cursor(beyond);
    const char* const start = cursor.at;
    const char* const end = print_scalar(scalar, bytes, cursor.at, cursor, false);
    for (std::uint32_t i = 0; i < letters; ++i, to += sizeof(char32_t)) {
        const char32_t letter = start + i < end ? static_cast<unsigned char>(start[i]) : 0;
        std::memcpy(to, &letter, sizeof letter);
    }
}

std::uint32_t integer_size(const Layout& field) {
    const std::uint32_t bits = field.bit_size != 0 ? field.bit_size : field.size * 8;
    std::uint32_t size = 1;
    while (size * 8 < bits)
        size *= 2;
    return size;
}

// Apart, because the loop around put_element() is to stay small.
[[gnu::noinline]] void put_sum(const Scalar& scalar, const std::byte* from, char* to) {
    const auto sum = load<unsigned __int128>(from);
    const auto word = static_cast<std::uint64_t>(sum);
    const auto wide = static_cast<unsigned __int128>(__int128{static_cast<std::int64_t>(word)});
    if (sum != (scalar.is_signed ? wide : word))
        throw Error(ErrorKind::failed,
                    "a sum over the CPUs needs more than the 64 bits that a record has for it")
            .hint("--format json and csv print it; --merge none lists the CPUs");
    std::memcpy(to, &word, sizeof word);
}

} // namespace

class RecordPlan::Builder {
public:
    Builder(RecordPlan& plan, std::string_view prefix, Style style)
        : plan_(plan), path_(prefix), style_(style) {}

    void visit(const Layout& field, std::uint32_t moved) {
        const Layout* element = &field;
        std::vector<std::uint32_t> shape;
        while (!is_scalar(*element) && element->kind == Kind::array) {
            shape.push_back(element->count);
            element = &element->fields.front();
        }
        if (is_scalar(*element))
            leaf(field, *element, moved, std::move(shape));
        else if (field.kind == Kind::array)
            elements(field, moved);
        else
            members(field, moved);
    }

private:
    void elements(const Layout& array, std::uint32_t moved) {
        const std::size_t length = path_.size();
        for (std::uint32_t i = 0; i < array.count; ++i) {
            const std::size_t before = plan_.fields_.size();
            path_ += '[' + std::to_string(i) + ']';
            visit(array.fields.front(), moved + i * array.stride);
            path_.resize(length);
            if (plan_.fields_.size() == before)
                break; // an element without fields stays so
        }
    }

    void members(const Layout& group, std::uint32_t moved) {
        const std::size_t length = path_.size();
        for (const Layout& field : group.fields) {
            if (!field.name.empty())
                path_ += '.' + field.name;
            visit(field, moved);
            path_.resize(length);
        }
    }

    // `whole` is `element`, or an array (of arrays) of it, which lie one behind the other.
    void leaf(const Layout& whole, const Layout& element, std::uint32_t moved,
              std::vector<std::uint32_t> shape) {
        Step step;
        for (const std::uint32_t count : shape)
            step.count *= count;
        if (step.count == 0 || element.size == 0 || element.kind == Kind::opaque)
            return;
        if (plan_.fields_.size() == limits::layout_nodes)
            throw Error(ErrorKind::usage, "a value of more than " +
                                              std::to_string(limits::layout_nodes) +
                                              " fields does not fit into a record");
        const Layout* inner = &whole;
        while (inner != &element) {
            step.stride = inner->stride;
            inner = &inner->fields.front();
        }
        step.scalar = compile_scalar(element, Style::decoded);
        step.scalar.enumerators = nullptr;
        step.scalar.offset += moved;
        Field field{path_, compile(element, step, shape), std::move(shape)};
        plan_.size_ += std::size_t{step.size} * step.count;
        plan_.fields_.push_back(std::move(field));
        add(step);
    }

    // The type of an element, and how to get it; an element of several bytes adds to the shape.
    std::string compile(const Layout& field, Step& step, std::vector<std::uint32_t>& shape) const {
        step.size = field.size;
        if (const std::uint32_t letters = longest_address(field);
            letters != 0 && style_ == Style::decoded) {
            step.size = letters * sizeof(char32_t);
            step.op = Step::Op::text;
            return "<U" + std::to_string(letters);
        }
        if (field.semantic == Semantic::text)
            return "|S" + std::to_string(field.size);
        if (field.is_sum && field.size > 8) {
            step.size = 8;
            step.op = Step::Op::sum;
            return field.is_signed ? "<i8" : "<u8";
        }
        if (!is_bytes(field))
            step.size = field.kind == Kind::real ? field.size : integer_size(field);
        if (is_bytes(field) || step.size > 8) {
            shape.push_back(step.size);
            step.op =
                step.size == field.size && field.bit_size == 0 ? Step::Op::copy : Step::Op::integer;
            return "|u1";
        }
        if (field.kind == Kind::real)
            return "<f" + std::to_string(field.size);
        if (field.kind == Kind::boolean) {
            step.size = 1;
            step.op = Step::Op::boolean;
            return "|b1";
        }
        if (field.bit_size != 0 || step.size != field.size)
            step.op = Step::Op::integer;
        else if (step.scalar.swapped)
            step.op = step.size == 2   ? Step::Op::swap2
                      : step.size == 4 ? Step::Op::swap4
                                       : Step::Op::swap8;
        return (step.size == 1 ? "|" : "<") + std::string(field.is_signed ? "i" : "u") +
               std::to_string(step.size);
    }

    // What lies one behind the other and is copied as it is takes one copy.
    void add(Step step) {
        if (step.op == Step::Op::copy && (step.count == 1 || step.stride == step.size)) {
            step.size *= step.count;
            step.count = 1;
            if (!plan_.steps_.empty()) {
                Step& last = plan_.steps_.back();
                if (last.op == Step::Op::copy && last.count == 1 &&
                    last.scalar.offset + last.size == step.scalar.offset) {
                    last.size += step.size;
                    return;
                }
            }
        }
        plan_.steps_.push_back(step);
    }

    RecordPlan& plan_;
    std::string path_;
    Style style_;
};

RecordPlan::RecordPlan(const Layout& layout, std::string_view prefix, Style style) {
    Builder(*this, prefix, style).visit(layout, 0);
}

char* RecordPlan::put_element(const Step& step, const std::byte* bytes, char* to) {
    const std::byte* const from = bytes + step.scalar.offset;
    switch (step.op) {
    case Step::Op::copy:
        std::memcpy(to, from, step.size);
        break;
    case Step::Op::swap2: {
        const std::uint16_t value = __builtin_bswap16(load<std::uint16_t>(from));
        std::memcpy(to, &value, sizeof value);
        break;
    }
    case Step::Op::swap4: {
        const std::uint32_t value = __builtin_bswap32(load<std::uint32_t>(from));
        std::memcpy(to, &value, sizeof value);
        break;
    }
    case Step::Op::swap8: {
        const std::uint64_t value = __builtin_bswap64(load<std::uint64_t>(from));
        std::memcpy(to, &value, sizeof value);
        break;
    }
    case Step::Op::boolean:
        *to = load_integer(step.scalar, bytes) != 0;
        break;
    case Step::Op::sum:
        put_sum(step.scalar, from, to);
        break;
    case Step::Op::text:
        put_letters(step.scalar, bytes, step.size / sizeof(char32_t), to);
        break;
    case Step::Op::integer: {
        const unsigned __int128 value = load_integer(step.scalar, bytes);
        std::memcpy(to, &value, step.size);
        break;
    }
    }
    return to + step.size;
}

char* RecordPlan::put(const std::byte* bytes, char* to) const {
    for (const Step& step : steps_) {
        const std::byte* from = bytes;
        for (std::uint32_t i = 0; i < step.count; ++i, from += step.stride)
            to = put_element(step, from, to);
    }
    return to;
}

} // namespace dynmon
