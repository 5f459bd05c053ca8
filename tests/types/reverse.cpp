// SPDX-License-Identifier: BSD-2-Clause
#include "reverse.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "decode/scalar_text.hpp"

namespace dynmon::test {

namespace {

using Kind = Layout::Kind;
using Wide = unsigned __int128;

class Reader {
public:
    Reader(const Layout& root, std::string_view text)
        : text_(text), result_{std::vector<std::byte>(root.size),
                               std::vector<std::byte>(root.size)} {}

    Reversed read(const Layout& root) {
        value(root, 0);
        if (!text_.empty())
            fail("nothing more");
        return std::move(result_);
    }

private:
    [[noreturn]] void fail(const std::string& wanted) const {
        throw std::runtime_error(wanted + " expected at " + std::string(text_.substr(0, 40)));
    }

    bool take(std::string_view token) {
        if (!text_.starts_with(token))
            return false;
        text_.remove_prefix(token.size());
        return true;
    }

    void expect(std::string_view token) {
        if (!take(token))
            fail(std::string(token));
    }

    // Behind the opening quote, up to and with the closing one.
    std::string string() {
        std::string out;
        while (!take("\"")) {
            if (text_.empty())
                fail("\"");
            if (take("\\u")) {
                out += static_cast<char>(std::stoi(std::string(text_.substr(0, 4)), nullptr, 16));
                text_.remove_prefix(4);
            } else if (take("\\")) {
                const std::string_view names = "bfnrt\"\\/";
                const std::size_t at = names.find(text_.front());
                if (at == names.npos)
                    fail("an escape");
                out += "\b\f\n\r\t\"\\/"[at];
                text_.remove_prefix(1);
            } else {
                out += text_.front();
                text_.remove_prefix(1);
            }
        }
        return out;
    }

    void set(std::uint32_t at, unsigned bit, Wide bits, unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            const unsigned place = bit + i;
            const std::byte mask{static_cast<std::uint8_t>(1u << place % 8)};
            std::byte& said = result_.said.at(at + place / 8);
            std::byte& byte = result_.bytes.at(at + place / 8);
            const std::byte wanted = (bits >> i & 1) ? mask : std::byte{0};
            if ((said & mask) != std::byte{0} && (byte & mask) != wanted)
                fail("what another arm of the union said");
            byte = (byte & ~mask) | wanted;
            said |= mask;
        }
    }

    void set_bytes(std::uint32_t at, std::string_view bytes) {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            set(at + static_cast<std::uint32_t>(i), 0, static_cast<std::uint8_t>(bytes[i]), 8);
    }

    void integer(const Layout& field, std::uint32_t at) {
        const bool negative = take("-");
        Wide number = 0;
        std::size_t digits = 0;
        for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits)
            number = number * 10 + static_cast<unsigned>(text_[digits] - '0');
        if (digits == 0)
            fail("a number");
        text_.remove_prefix(digits);
        set(at, field.bit_offset, negative ? 0 - number : number,
            field.bit_size != 0 ? field.bit_size : field.size * 8);
    }

    static std::string from_hex(std::string_view digits) {
        std::string bytes;
        for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
            bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
        return bytes;
    }

    // A number, or the bits of what JSON has no number for.
    void real(const Layout& field, std::uint32_t at) {
        if (take("\"0x")) {
            const std::string bits = string();
            set(at, 0, std::stoull(bits, nullptr, 16), field.size * 8);
            return;
        }
        const std::size_t length = std::min(text_.find_first_of(",]}"), text_.size());
        const std::string number(text_.substr(0, length));
        text_.remove_prefix(length);
        const double f64 = std::strtod(number.c_str(), nullptr);
        const float f32 = std::strtof(number.c_str(), nullptr);
        const std::uint16_t f16 = to_half(f64);
        Wide bits = 0;
        std::memcpy(&bits,
                    field.size == 8   ? static_cast<const void*>(&f64)
                    : field.size == 4 ? static_cast<const void*>(&f32)
                                      : &f16,
                    field.size);
        set(at, 0, bits, field.size * 8);
    }

    void characters(const Layout& field, std::uint32_t at) {
        expect("\"");
        std::string text = string();
        if (text.starts_with("0x"))
            text = from_hex(std::string_view(text).substr(2));
        if (text.size() > field.size)
            fail("a text of " + std::to_string(field.size) + " bytes");
        text.resize(field.size, '\0');
        set_bytes(at, text);
    }

    void array(const Layout& field, std::uint32_t at) {
        if (field.count > 0 && field.fields.front().kind == Kind::character)
            return characters(field, at);
        expect("[");
        const Layout& element = field.fields.front();
        for (std::uint32_t i = 0; i < field.count; ++i) {
            if (i > 0)
                expect(",");
            value(element, at - field.offset + i * field.stride + element.offset);
        }
        expect("]");
    }

    void members(const Layout& group, std::uint32_t moved, bool& first) {
        for (const Layout& field : group.fields) {
            if (field.name.empty()) {
                members(field, moved, first);
                continue;
            }
            if (!first)
                expect(",");
            first = false;
            expect("\"" + field.name + "\":");
            value(field, moved + field.offset);
        }
    }

    void value(const Layout& field, std::uint32_t at) {
        switch (field.kind) {
        case Kind::integer:
        case Kind::boolean:
        case Kind::character:
        case Kind::enumeration:
        case Kind::pointer:
            return integer(field, at);
        case Kind::real:
            return real(field, at);
        case Kind::array:
            return array(field, at);
        case Kind::opaque:
            return expect("null");
        case Kind::structure:
        case Kind::union_:
            break;
        }
        bool first = true;
        expect("{");
        members(field, at - field.offset, first);
        expect("}");
    }

    std::string_view text_;
    Reversed result_;
};

} // namespace

Reversed reverse(const Layout& layout, std::string_view text) {
    return Reader(layout, text).read(layout);
}

} // namespace dynmon::test
