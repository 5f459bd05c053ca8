// SPDX-License-Identifier: BSD-2-Clause
// Raw BTF that libbpf and the layouts may walk without looking where they step.
#pragma once

#include <cstddef>
#include <span>

namespace dynmon {

// Checks header, string table and every type: known kind, whole record, names and type ids that
// exist, references to the right kinds, no type that contains itself.
// Throws Error{usage} "damaged BTF: type 12 …". libbpf before 1.4 checks little of this and loops
// or crashes on the rest.
void check_btf(std::span<const std::byte> bytes);

// The same of the BTF of a whole kernel, which is larger.
void check_kernel_btf(std::span<const std::byte> bytes);

} // namespace dynmon
