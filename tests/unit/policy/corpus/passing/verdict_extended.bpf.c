// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it has another notation of instructions
// Ways of compilers to extend 32 bits, which change nothing of a verdict.
#include "verdict.h"

RETURN_THROUGH(masked, "%0 &= -1")
RETURN_THROUGH(without_sign, "%0 <<= 32\n%0 >>= 32")
RETURN_THROUGH(with_sign, "%0 <<= 32\n%0 s>>= 32")
