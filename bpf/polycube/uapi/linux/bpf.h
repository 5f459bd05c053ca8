/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The same header by the name that it has in the kernel's own tree. */
#include <linux/bpf.h>
