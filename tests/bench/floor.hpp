// SPDX-License-Identifier: BSD-2-Clause
// The floor: what a program costs that knows the entries by heart, and the bare reading below it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/file.hpp"

namespace bench {

struct EntryShape {
    std::size_t cpus = 0; // copies of a value, listed one by one; 0: one value, not a list
    std::size_t value_stride = 0;
};

// BPF_MAP_LOOKUP_BATCH to the end, into one reused buffer. Returns how many entries there were.
std::uint64_t read_batches(const dynmon::Fd& map, const EntryShape& shape);

// The same, printed by std::to_chars to `fd`: byte for byte what `--value-only --format json`
// prints, with or without `--raw`.
void print_by_hand(const dynmon::Fd& map, const EntryShape& shape, bool typed, int fd);

} // namespace bench
