// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: another owner's TC program, which lets every packet in and keeps it from all programs
// behind it.
// clang-format off
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc") int keeper(struct __sk_buff* ctx) {
    return 0; // TC_ACT_OK
}
