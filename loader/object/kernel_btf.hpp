// SPDX-License-Identifier: BSD-2-Clause
// BTF of the kernel from a file, for kernels that do not carry their own.
#pragma once

#include <string>

#include "base/file.hpp"

namespace dynmon {

// Types that CO-RE relocations are resolved against. Empty: those of the running kernel.
class KernelBtf {
public:
    // Reads and checks the file once; what libbpf opens later is the memory that was checked.
    // "" gives an empty one. Throws Error{usage} when it is no file of raw BTF, or a damaged one.
    static KernelBtf read(const std::string& path);

    std::string path() const;                        // for libbpf; "" when empty
    int descriptor() const { return memory_.get(); } // -1 when empty

private:
    Fd memory_;
};

} // namespace dynmon
