// SPDX-License-Identifier: BSD-2-Clause
#include "filter/encode.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "decode/scalar.hpp"
#include "filter/literal.hpp"

namespace dynmon {

namespace {

void encode_bytes(const Layout& field, std::string_view text, std::byte* at) {
    const BytesLiteral literal = read_bytes_literal(field, text);
    if (literal.bits != field.size * 8 || literal.bytes.size() != field.size)
        throw no_such_literal(text, "a whole address, without a length");
    std::memcpy(at, literal.bytes.data(), literal.bytes.size());
}

void encode_prefix(const Layout& field, std::string_view text, std::byte* at) {
    constexpr std::size_t length_size = 4;
    const Prefix prefix = read_prefix_literal(field, text);
    std::memcpy(at, &prefix.length, length_size);
    std::memcpy(at + length_size, prefix.address.data(), field.size - length_size);
}

void encode_text(const Layout& field, std::string_view text, std::byte* at) {
    if (text.size() > field.size)
        throw Error(ErrorKind::usage, "has room for " + std::to_string(field.size) + " bytes");
    std::memset(at, 0, field.size);
    std::memcpy(at, text.data(), text.size());
}

void encode_field(const Layout& field, std::string_view text, std::uint64_t now_ns,
                  std::byte* root) {
    const Scalar scalar = compile_scalar(field, Style::decoded);
    switch (value_class(field)) {
    case ValueClass::integer:
        return store_integer(scalar, read_integer_literal(field, text, now_ns), root);
    case ValueClass::boolean:
        return store_integer(scalar, read_boolean_literal(text) ? 1 : 0, root);
    case ValueClass::real:
        return store_real(scalar, read_real_literal(field, text), root);
    case ValueClass::bytes:
        return encode_bytes(field, text, root + field.offset);
    case ValueClass::prefix:
        return encode_prefix(field, text, root + field.offset);
    case ValueClass::text:
        return encode_text(field, text, root + field.offset);
    case ValueClass::opaque:
        throw Error(ErrorKind::usage, "cannot be written from outside the kernel");
    }
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

void encode_assignment(const Layout& root, std::string_view assignment, std::uint64_t now_ns,
                       std::byte* bytes, std::vector<std::string>& missing) {
    const std::size_t sign = assignment.find('=');
    const std::string path(assignment.substr(0, sign));
    const auto field = sign == std::string_view::npos ? nullptr : find_field(root, path);
    if (!field || path.empty() || !is_scalar(*field)) {
        const std::vector<std::string> known = leaf_paths(root);
        const std::string near = nearest_name(path, known);
        throw Error(ErrorKind::usage, "'" + std::string(assignment) + "' sets no field")
            .hint(near.empty() || near == path ? "write field=value; there are " + joined(known)
                                               : "did you mean '" + near + "'?");
    }
    during("'" + path + "'",
           [&] { encode_field(*field, assignment.substr(sign + 1), now_ns, bytes); });
    missing.erase(std::remove(missing.begin(), missing.end(), path), missing.end());
}

} // namespace

void encode(const Layout& root, std::string_view text, Encode how, std::uint64_t now_ns,
            std::byte* bytes) {
    if (is_scalar(root))
        return encode_field(root, text, now_ns, bytes);
    std::vector<std::string> missing = leaf_paths(root);
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        encode_assignment(root, text.substr(at, end - at), now_ns, bytes, missing);
        at = end + 1;
    }
    if (how == Encode::whole && !missing.empty())
        throw Error(ErrorKind::usage, "'" + std::string(text) + "' lacks " + joined(missing));
}

} // namespace dynmon
