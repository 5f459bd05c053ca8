// Pins of our own store: what stands there has to be what was put there.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/map_type.hpp"

namespace dynmon {

// Something in the store is not what dynmon writes. `recover` and `unload` remove it; every other
// verb refuses it.
class Damaged : public Error {
public:
    explicit Damaged(std::string message, int error_number = 0);
    Damaged(const std::string& path, const Error& cause); // why what is at `path` is damaged
};

// `path` is a map of this type and these sizes, or Damaged is thrown: reading a map of another one
// would write beyond the buffer. A size of 0 stands for any. Empty when there is no such pin.
struct OwnMap {
    MapType type;
    std::uint32_t key_size = 4;
    std::uint32_t value_size = 0;
};
Fd open_own_map(const std::string& path, const OwnMap& wanted); // throws when it is absent, ENOENT
Fd try_open_own(const std::string& path, const char* kind);     // "bpf-map", "bpf-prog", "bpf_link"
Fd open_own(const std::string& path, const char* kind);

} // namespace dynmon
