// SPDX-License-Identifier: BSD-2-Clause
// Keys of LPM tries.
#include "btf/layout.hpp"
#include "btf/semantic.hpp"

namespace dynmon {

void mark_trie_key(Layout& key) {
    if (fits(Semantic::cidr, key))
        key.semantic = Semantic::cidr;
}

Layout untyped_trie_key(std::uint32_t size) {
    constexpr std::uint32_t length_size = 4; // every trie's key starts with it
    if (size <= length_size)
        return untyped_layout(size);
    Layout length = untyped_layout(length_size);
    length.name = "prefixlen";
    Layout data{.name = "data",
                .kind = Layout::Kind::array,
                .semantic = Semantic::hex,
                .offset = length_size,
                .size = size - length_size,
                .count = size - length_size,
                .stride = 1};
    Layout byte = untyped_layout(1);
    byte.offset = length_size;
    data.fields.push_back(std::move(byte));
    Layout key{.kind = Layout::Kind::structure, .size = size};
    key.fields.push_back(std::move(length));
    key.fields.push_back(std::move(data));
    mark_trie_key(key);
    return key;
}

} // namespace dynmon
