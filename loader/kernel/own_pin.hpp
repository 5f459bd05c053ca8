// SPDX-License-Identifier: BSD-2-Clause
// Pins of our own store: what stands there has to be what was put there.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/map_type.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

// Something in the store is not what dynmon writes. `recover` and `unload` remove it; every other
// verb refuses it.
class Damaged : public Error {
public:
    explicit Damaged(std::string message, int error_number = 0);
    Damaged(const std::string& path, const Error& cause); // why what is at `path` is damaged
};

// `path` is a map of this type and these sizes, or Damaged is thrown: reading a map of another one
// would write beyond the buffer. A size of 0 stands for any.
struct OwnMap {
    MapType type;
    std::uint32_t key_size = 4;
    std::uint32_t value_size = 0;
};
struct OpenedMap {
    Fd fd;
    MapFacts facts;
};
// Throws Error with ENOENT when there is no such pin.
OpenedMap open_own_map(const std::string& path, const OwnMap& wanted);
// `kind`: "bpf-map", "bpf-prog" or "bpf-link". Empty when there is no such pin.
Fd try_open_own(const std::string& path, const char* kind);
Fd open_own(const std::string& path, const char* kind);

// A second descriptor of the same object.

// Closed on exec, like all of ours. Throws Error{failed} (EMFILE).
Fd duplicate(int fd);

// Throws Error{failed} with EMFILE when fewer than `count` more descriptors can be opened: libbpf
// takes a probe of the kernel that fails for that reason for a feature that is lacking.
void require_descriptors(unsigned count);

} // namespace dynmon
