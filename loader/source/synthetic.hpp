// SPDX-License-Identifier: BSD-2-Clause
// Layouts of structs that no compiler has seen: what a reader makes of ids and handles.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "btf/layout.hpp"

namespace dynmon {

// Members one after the other, without padding.
class SyntheticStruct {
public:
    // Each returns where the member stands, in bytes.
    std::uint32_t number(std::string name, std::uint32_t size, Semantic semantic = Semantic::none);
    std::uint32_t text(std::string name, std::uint32_t size); // up to the NUL
    std::uint32_t bytes(std::string name, std::uint32_t size);
    std::uint32_t member(std::string name, Layout layout); // as it is, moved to its place

    Layout layout() && { return std::move(layout_); }

private:
    Layout layout_{.kind = Layout::Kind::structure};
};

template <typename Number>
void store(std::byte* at, Number number) {
    std::memcpy(at, &number, sizeof number);
}

// Cut to `room` - 1 bytes, and filled up with zeroes.
void store_text(std::byte* at, std::uint32_t room, std::string_view text);

} // namespace dynmon
