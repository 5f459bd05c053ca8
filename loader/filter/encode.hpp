// SPDX-License-Identifier: BSD-2-Clause
// The reverse of printing: a key or value as people write it becomes the bytes of its type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "btf/layout.hpp"

namespace dynmon {

enum class Encode {
    whole, // every field of a struct has to be named
    some,  // what is not named stays as it is
};

// Writes `text` into the `root.size` bytes at `bytes`: a literal as conditions have it (443, TCP,
// 10.0.0.0/8, now+10m, WATCH) for what prints as one value, or else field=literal,field=literal.
// Throws Error{usage} naming the field.
void encode(const Layout& root, std::string_view text, Encode how, std::uint64_t now_ns,
            std::byte* bytes);

} // namespace dynmon
