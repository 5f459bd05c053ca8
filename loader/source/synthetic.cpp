// SPDX-License-Identifier: BSD-2-Clause
#include "source/synthetic.hpp"

#include <algorithm>

#include "btf/path.hpp"

namespace dynmon {

namespace {

Layout byte_array(std::uint32_t size, Layout::Kind element, Semantic semantic) {
    Layout array{.kind = Layout::Kind::array,
                 .semantic = semantic,
                 .size = size,
                 .count = size,
                 .stride = 1};
    array.fields.push_back(Layout{.kind = element, .size = 1});
    return array;
}

} // namespace

std::uint32_t SyntheticStruct::member(std::string name, Layout layout) {
    const std::uint32_t at = layout_.size;
    layout.name = std::move(name);
    shift(layout, at);
    layout_.size += layout.size;
    layout_.fields.push_back(std::move(layout));
    return at;
}

std::uint32_t SyntheticStruct::number(std::string name, std::uint32_t size, Semantic semantic) {
    return member(std::move(name),
                  Layout{.kind = Layout::Kind::integer, .semantic = semantic, .size = size});
}

std::uint32_t SyntheticStruct::text(std::string name, std::uint32_t size) {
    return member(std::move(name), byte_array(size, Layout::Kind::character, Semantic::text));
}

std::uint32_t SyntheticStruct::bytes(std::string name, std::uint32_t size) {
    return member(std::move(name), byte_array(size, Layout::Kind::integer, Semantic::hex));
}

void store_text(std::byte* at, std::uint32_t room, std::string_view text) {
    std::memset(at, 0, room);
    std::memcpy(at, text.data(), std::min<std::size_t>(text.size(), room - 1));
}

} // namespace dynmon
