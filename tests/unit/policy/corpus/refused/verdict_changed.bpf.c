// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it has another notation of instructions
// expect: in place of that of the programs behind it
// As in passing/verdict_extended, but something else comes out.
#include "verdict.h"

RETURN_THROUGH(masked, "%0 &= 3")
RETURN_THROUGH(only_above, "%0 <<= 32")
RETURN_THROUGH(too_far, "%0 <<= 32\n%0 s>>= 33")
RETURN_THROUGH(never_above, "%0 s>>= 32")
