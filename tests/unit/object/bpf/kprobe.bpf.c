// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// An object with a program, but none for a network device.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

SEC("kprobe/do_nothing") int on_kprobe(void* ctx) {
    return 0;
}
