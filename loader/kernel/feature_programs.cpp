// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "kernel/bpf.hpp"
#include "kernel/feature_probes.hpp"
#include "kernel/tiny_program.hpp"

namespace dynmon::feature {

namespace {

// Numbers of helpers that headers of older systems do not name.
constexpr int ktime_get_boot_ns = 125;
constexpr int ktime_get_coarse_ns = 160;
constexpr int loop = 181;
constexpr int ktime_get_tai_ns = 208;

constexpr std::uint32_t has_frags = 1u << 5; // BPF_F_XDP_HAS_FRAGS

Support loads(std::vector<bpf_insn> code) {
    return judge(try_load({.code = std::move(code)}));
}

// A clock takes nothing and gives a number: calling it is a whole program.
Support clock_helper(int helper) {
    return loads({tiny::call(helper), tiny::set(0, 0), tiny::leave()});
}

Support atomic(int operation) {
    return loads({tiny::zero_stack(-8), tiny::set(0, 0), tiny::set(1, 1),
                  tiny::atomic(operation, -8, 1), tiny::set(0, 0), tiny::leave()});
}

} // namespace

Support judge(int result) {
    switch (-result) {
    case EPERM:
    case EACCES:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EINTR:
    case EAGAIN:
        return Support::unknown;
    default:
        return result >= 0 ? Support::yes : Support::no;
    }
}

// r1 = address of the value of an array, as parameters are reached.
Support global_data() {
    const int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dynmon_try", 4, 8, 1, nullptr);
    if (map < 0)
        return judge(map);
    const Fd owned(map);
    return loads({tiny::make(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, map),
                  tiny::make(0, 0, 0, 0, 0), tiny::make(BPF_LDX | BPF_DW | BPF_MEM, 0, 1, 0, 0),
                  tiny::set(0, 0), tiny::leave()});
}

// do r0 += 1; while (r0 < 10);
Support bounded_loops() {
    return loads({tiny::set(0, 0), tiny::make(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1),
                  tiny::make(BPF_JMP | BPF_JLT | BPF_K, 0, 0, -2, 10), tiny::leave()});
}

// The limit is checked before the rights are.
Support large_programs() {
    if (loads({tiny::set(0, 0), tiny::leave()}) != Support::yes)
        return Support::unknown;
    std::vector<bpf_insn> code(BPF_MAXINSNS + 1, tiny::set(0, 0));
    code.push_back(tiny::leave());
    return loads(std::move(code));
}

// The call alone is never right, since its arguments are missing; a kernel that has the helper
// complains of those.
Support bpf_loop() {
    std::string log;
    const int result = try_load({.code = {tiny::call(loop), tiny::leave()}}, nullptr, &log);
    if (log.empty())
        return Support::unknown; // refused before the verifier had a look
    for (const char* absent : {"unknown func", "invalid func", "cannot use helper"})
        if (log.find(absent) != std::string::npos)
            return Support::no;
    return judge(result) == Support::unknown && result != -EACCES ? Support::unknown : Support::yes;
}

Support jmp32() {
    return loads(
        {tiny::set(0, 0), tiny::make(BPF_JMP32 | BPF_JEQ | BPF_K, 0, 0, 0, 1), tiny::leave()});
}

// r0 = (s8)r0
Support cpu_v4() {
    return loads({tiny::set(0, 1), tiny::make(BPF_ALU64 | BPF_MOV | BPF_X, 0, 0, 8, 0),
                  tiny::set(0, 0), tiny::leave()});
}

Support atomic_fetch() {
    return atomic(BPF_ADD | BPF_FETCH);
}

Support atomic_xchg() {
    return atomic(BPF_XCHG);
}

Support atomic_cmpxchg() {
    return atomic(BPF_CMPXCHG);
}

Support clock_boot() {
    return clock_helper(ktime_get_boot_ns);
}

Support clock_coarse() {
    return clock_helper(ktime_get_coarse_ns);
}

Support clock_tai() {
    return clock_helper(ktime_get_tai_ns);
}

// Of a device that does not exist: a kernel with TCX looks for it, one without does not know the
// attach type.
Support tcx() {
    std::uint32_t flags = 0;
    std::uint32_t count = 0;
    const int result = bpf_prog_query(0, tcx_ingress, 0, &flags, nullptr, &count);
    return result == -ENODEV ? Support::yes : judge(result);
}

// On the loopback device in the mode of network cards that run BPF themselves, which it never is:
// a kernel that can make such links gets as far as saying so.
Support xdp_link() {
    constexpr int loopback = 1; // in every network namespace
    Fd program;
    const int loaded =
        try_load({.type = BPF_PROG_TYPE_XDP, .code = {tiny::set(0, 2), tiny::leave()}}, &program);
    if (loaded < 0)
        return judge(loaded);
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_HW_MODE);
    const int result = bpf_link_create(program.get(), loopback, BPF_XDP, &options);
    if (result >= 0)
        Fd(result).reset();
    return result == -EOPNOTSUPP ? Support::yes : judge(result);
}

Support link_detach() {
    const int result = bpf_link_detach(-1);
    return result == -EBADF ? Support::yes : judge(result);
}

Support xdp_frags() {
    return judge(try_load(
        {.type = BPF_PROG_TYPE_XDP, .code = {tiny::set(0, 2), tiny::leave()}, .flags = has_frags}));
}

} // namespace dynmon::feature
