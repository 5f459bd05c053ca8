// BTF of a kernel in a file: what CO-RE relocations of a probe are resolved against.
#pragma once

#include <string>

namespace dynmon {

inline constexpr const char* own_kernel_types = "/sys/kernel/btf/vmlinux";

// Throws Error{usage} that says what is wrong, unless the file holds BTF as a whole: raw, or in an
// ELF file's section .BTF. That it is of the kernel that runs is for the relocations to find out.
void require_kernel_types(const std::string& path);

} // namespace dynmon
