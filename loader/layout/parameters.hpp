// `--set name=value` and `parameters:` → bytes for .rodata, typed and range-checked through BTF.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "manifest/manifest.hpp"
#include "object/object.hpp"

namespace dynmon {

// A global to set in .rodata: `bytes` in the global's own size and the host's byte order.
struct GlobalValue {
    std::string name;
    std::string text; // as the user wrote it
    std::vector<std::byte> bytes;
};

// The values to write into .rodata: the manifest's defaults overridden by `assignments`
// ("name=value"), each typed and range-checked through BTF. Accepts decimal, 0x…, true/false,
// 'c', enum names, and k/M/G and ns/us/ms/s suffixes for integers.
// Throws Error{usage} that names the parameter, its type and its range, or the nearest name.
std::vector<GlobalValue> resolve_parameters(const Manifest& manifest, const Object& object,
                                            const std::vector<std::string>& assignments);

} // namespace dynmon
