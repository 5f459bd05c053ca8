/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A case is a global variable: the compiler writes both its bytes and its type. */
#ifndef CASE_H
#define CASE_H

#include <linux/types.h>

#define CASE __attribute__((section(".data.cases"), used))

/* An object without a program is none. */
__attribute__((section("tc"), used)) int nothing(void* packet) {
    return packet != 0;
}

char _license[] __attribute__((section("license"), used)) = "Dual BSD/GPL";

#endif
