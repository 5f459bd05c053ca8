// SPDX-License-Identifier: BSD-2-Clause
// The batch calls on maps, as thin as they are: they return what the kernel returns.
#pragma once

#include <cstdint>

#include "base/fd.hpp"

namespace dynmon {

// 0, or a negative errno. `count` is in/out and only to be trusted on 0 and -ENOENT (the end):
// on every other error the kernel may leave the input value in it.
// `in` null: from the start. `in` and `out` have max(key_size, 4) bytes.
int lookup_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                 std::uint32_t& count);
int lookup_and_delete_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                            std::uint32_t& count);
int update_batch(const Fd& map, const void* keys, const void* values, std::uint32_t& count);

// One element, looked up and deleted in one call (queue and stack: drained, `key` null).
int lookup_and_delete_element(const Fd& map, const void* key, void* value);

// The kernel has no such batch for this map type: EINVAL, or 524, which leaks from inside it.
bool means_no_batch(int result);

} // namespace dynmon
