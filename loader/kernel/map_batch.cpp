// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/map_batch.hpp"

#include <cerrno>

#include <bpf/bpf.h>

namespace dynmon {

// libbpf declares `in` writable; the kernel only reads it.
int lookup_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                 std::uint32_t& count) {
    return bpf_map_lookup_batch(map.get(), const_cast<void*>(in), out, keys, values, &count,
                                nullptr);
}

int lookup_and_delete_batch(const Fd& map, const void* in, void* out, void* keys, void* values,
                            std::uint32_t& count) {
    return bpf_map_lookup_and_delete_batch(map.get(), const_cast<void*>(in), out, keys, values,
                                           &count, nullptr);
}

int update_batch(const Fd& map, const void* keys, const void* values, std::uint32_t& count) {
    return bpf_map_update_batch(map.get(), keys, values, &count, nullptr);
}

int lookup_and_delete_element(const Fd& map, const void* key, void* value) {
    return bpf_map_lookup_and_delete_elem(map.get(), key, value);
}

bool means_no_batch(int result) {
    constexpr int enotsupp = 524;
    return result == -EINVAL || result == -enotsupp || result == -EOPNOTSUPP;
}

} // namespace dynmon
