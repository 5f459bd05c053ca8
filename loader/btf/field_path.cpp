// SPDX-License-Identifier: BSD-2-Clause
// Names and paths: from a path to its field, from a layout to its leaves.
#include <charconv>
#include <optional>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/layout.hpp"
#include "btf/path.hpp"

namespace dynmon {

namespace {

bool is_group(const Layout& field) {
    return field.kind == Layout::Kind::structure || field.kind == Layout::Kind::union_;
}

// Takes "[N]" off the front of `path`; false when it is no number or beyond the array.
bool take_index(std::string_view& path, std::uint32_t count, std::uint32_t& index) {
    const std::size_t close = path.find(']');
    if (close == std::string_view::npos)
        return false;
    const char* end = path.data() + close;
    const auto [stop, fault] = std::from_chars(path.data() + 1, end, index);
    if (fault != std::errc{} || stop != end || index >= count)
        return false;
    path.remove_prefix(close + 1);
    return true;
}

// An integer of whole bytes: its lowest byte is the version.
std::optional<std::uint32_t> version_byte(const Layout& group, const std::string& name) {
    const Layout* field = find_member(group, name);
    if (!field || field->kind != Layout::Kind::integer || field->bit_size != 0)
        return std::nullopt;
    return field->offset + (field->big_endian ? field->size - 1 : 0);
}

void link_versions_in(Layout& members, const Layout& group) {
    for (Layout& field : members.fields) {
        if (field.semantic == Semantic::ip) {
            auto version = version_byte(group, field.name + "_version");
            if (!version)
                version = version_byte(group, "ip_version");
            field.version_at = version ? static_cast<std::int32_t>(*version - field.offset) : 0;
        } else if (field.name.empty() && is_group(field)) {
            link_versions_in(field, group);
        }
    }
}

class LeafWalk {
public:
    explicit LeafWalk(const LeafVisitor& visitor) : visitor_(visitor) {}

    void visit(const Layout& field) {
        if (is_scalar(field))
            leaf(field);
        else if (field.kind == Layout::Kind::array)
            elements(field);
        else
            members(field);
    }

private:
    void leaf(const Layout& field) {
        if (++leaves_ > limits::layout_nodes)
            throw Error(ErrorKind::usage, "a value of more than " +
                                              std::to_string(limits::layout_nodes) +
                                              " fields does not fit into columns");
        visitor_(path_, field, moved_);
    }

    void elements(const Layout& array) {
        const std::size_t length = path_.size();
        const std::uint32_t moved = moved_;
        for (std::uint32_t i = 0; i < array.count; ++i, moved_ += array.stride) {
            const std::size_t before = leaves_;
            path_ += '[' + std::to_string(i) + ']';
            visit(array.fields.front());
            path_.resize(length);
            if (leaves_ == before)
                break; // an element without leaves (an empty struct) stays so
        }
        moved_ = moved;
    }

    void members(const Layout& group) {
        const std::size_t length = path_.size();
        for (const Layout& field : group.fields) {
            if (!field.name.empty())
                path_ += (path_.empty() ? "" : ".") + field.name;
            visit(field);
            path_.resize(length);
        }
    }

    const LeafVisitor& visitor_;
    std::string path_;
    std::uint32_t moved_ = 0;
    std::size_t leaves_ = 0;
};

} // namespace

void link_versions(Layout& group) {
    link_versions_in(group, group);
}

// Members of anonymous structs and unions belong to the struct around them, as in C.
const Layout* find_member(const Layout& group, std::string_view name) {
    for (const Layout& field : group.fields) {
        if (field.name == name && !name.empty())
            return &field;
        if (field.name.empty() && is_group(field))
            if (const Layout* inner = find_member(field, name))
                return inner;
    }
    return nullptr;
}

std::string without_brackets(std::string_view path) {
    std::string plain(path);
    for (std::size_t at = plain.find("[]"); at != std::string::npos; at = plain.find("[]", at))
        plain.erase(at, 2);
    return plain;
}

bool split_root(std::string_view path, std::string_view root, std::string_view& rest) {
    if (!path.starts_with(root))
        return false;
    rest = path.substr(root.size());
    if (rest.empty() || rest.front() == '[')
        return true;
    if (rest.front() != '.')
        return false;
    rest.remove_prefix(1);
    return true;
}

std::string join_path(std::string_view root, std::string_view path) {
    const bool dot = !path.empty() && path.front() != '[';
    return std::string(root) + (dot ? "." : "") + std::string(path);
}

void shift(Layout& field, std::uint32_t bytes) {
    field.offset += bytes;
    for (Layout& inner : field.fields)
        shift(inner, bytes);
}

std::unique_ptr<Layout> find_field(const Layout& root, std::string_view path) {
    const Layout* field = &root;
    std::uint32_t moved = 0;
    for (bool first = true; !path.empty(); first = false) {
        if (path.front() == '[') {
            std::uint32_t index = 0;
            if (field->kind != Layout::Kind::array || !take_index(path, field->count, index))
                return nullptr;
            moved += index * field->stride;
            field = &field->fields.front();
        } else {
            if (!first && path.front() != '.')
                return nullptr;
            path.remove_prefix(first ? 0 : 1);
            const std::string_view name = path.substr(0, path.find_first_of(".["));
            field = is_group(*field) ? find_member(*field, name) : nullptr;
            if (!field)
                return nullptr;
            path.remove_prefix(name.size());
        }
    }
    auto found = std::make_unique<Layout>(*field);
    shift(*found, moved);
    return found;
}

void for_each_leaf(const Layout& root, const LeafVisitor& visit) {
    LeafWalk(visit).visit(root);
}

Layout untyped_layout(std::uint32_t size) {
    Layout byte;
    byte.kind = Layout::Kind::integer;
    byte.size = 1;
    if (size == 1)
        return byte;
    Layout result;
    result.size = size;
    result.kind = Layout::Kind::integer;
    if (size == 2 || size == 4 || size == 8)
        return result;
    result.kind = Layout::Kind::array;
    result.semantic = size > 0 ? Semantic::hex : Semantic::none;
    result.count = size;
    result.stride = 1;
    result.fields.push_back(byte);
    return result;
}

std::vector<std::string> leaf_paths(const Layout& root) {
    std::vector<std::string> paths;
    for_each_leaf(root, [&](const std::string& path, const Layout&, std::uint32_t) {
        paths.push_back(path);
    });
    return paths;
}

bool is_scalar(const Layout& field) {
    switch (field.kind) {
    case Layout::Kind::structure:
    case Layout::Kind::union_:
    case Layout::Kind::array:
        return field.semantic != Semantic::none;
    default:
        return true;
    }
}

} // namespace dynmon
