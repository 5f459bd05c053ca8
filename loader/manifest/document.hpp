// SPDX-License-Identifier: BSD-2-Clause
// YAML or JSON text as a tree whose nodes know where they stand; the only user of yaml-cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/position.hpp"

namespace dynmon {

// A node of the document. Text is what stands between the quotes, escapes resolved.
struct Node {
    enum class Kind { null, scalar, sequence, mapping };
    struct Key {
        std::string text;
        Position at;
    };

    Kind kind = Kind::null;
    bool quoted = false;     // a scalar in quotes or a block scalar: text whatever it looks like
    std::string text;        // of a scalar
    std::vector<Key> keys;   // of a mapping: the key of items[i]
    std::vector<Node> items; // of a sequence or mapping
    Position at;
};

inline constexpr std::size_t most_faults = 100; // of one document; no reader wants more

// Parses one document. A fault of form (syntax, duplicate key, anchor, tag, bad encoding, too
// large, too deep) goes to `faults`; nothing is returned when there is no tree to go on with. Never
// throws on bad input. Columns count characters, not bytes.
std::optional<Node> parse_document(std::string_view text, std::vector<Diagnostic>& faults);

} // namespace dynmon
