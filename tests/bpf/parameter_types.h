/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
// Skeletons name the typedefs of parameters, and leave it to others to define them.
#pragma once

#include <linux/types.h>

typedef __u64 dynmon_duration_ns_t;
