/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What every test object includes, in the order that works. */
#ifndef COMMON_H
#define COMMON_H

/* clang-format off */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#endif
