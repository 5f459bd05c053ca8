// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "case.h"

/* Reals, pointers and what the kernel keeps for itself. */
struct hidden;
struct task_struct;

CASE float f32 = 0.1f;
CASE float f32_negative_zero = -0.0f;
CASE double f64 = 0.1;
CASE double f64_whole = 3;
CASE double f64_small = 1.5e-7;
CASE double f64_largest = 1.7976931348623157e308;
CASE double f64_nan = __builtin_nan("");
CASE double f64_infinity = -__builtin_inf();
CASE float f32_nan = __builtin_nanf("");
struct reals {
    float rate;
    __u32 count;
    double mean;
};
CASE struct reals real_among_others = {2.5f, 3, -0.25};

/* The compiler does not write the bits of a constant pointer; an integer in its place it does. */
union pointers {
    __u64 bits;
    void* to_anything;
    struct hidden* to_declared;
    int (*to_function)(int);
    const char* list[1];
};
CASE void* pointer_null = 0;
CASE union pointers pointer = {0xffff888100000000};

struct bpf_spin_lock {
    __u32 val;
};
struct bpf_timer {
    __u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_list_head {
    __u64 opaque[2];
} __attribute__((aligned(8)));

struct kernel_types {
    struct bpf_spin_lock lock;
    __u32 count;
    struct bpf_timer timer;
    struct bpf_list_head list;
    struct task_struct __attribute__((btf_type_tag("kptr"))) * task;
};
CASE struct kernel_types kernel_types = {{1}, 5, {{2, 3}}, {{4, 5}}, 0};
