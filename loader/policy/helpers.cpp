// SPDX-License-Identifier: BSD-2-Clause
// The table of helpers, in the order of their numbers, because the names are newer than the headers
// of older systems. What is not in `rules` is refused: what acts on processes, sockets or the
// network beyond this packet, and what no program for a network device may call anyway.

#include "policy/helpers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "base/error.hpp"
#include "object/elf.hpp"
#include "object/object.hpp"
#include "policy/instructions.hpp"

namespace dynmon::policy {

namespace {

// clang-format off
constexpr std::array names = {
    "unspec", "map_lookup_elem", "map_update_elem", "map_delete_elem", "probe_read",
    "ktime_get_ns", "trace_printk", "get_prandom_u32", "get_smp_processor_id",
    "skb_store_bytes", "l3_csum_replace", "l4_csum_replace", "tail_call", "clone_redirect",
    "get_current_pid_tgid", "get_current_uid_gid", "get_current_comm", "get_cgroup_classid",
    "skb_vlan_push", "skb_vlan_pop", "skb_get_tunnel_key", "skb_set_tunnel_key",
    "perf_event_read", "redirect", "get_route_realm", "perf_event_output", "skb_load_bytes",
    "get_stackid", "csum_diff", "skb_get_tunnel_opt", "skb_set_tunnel_opt", "skb_change_proto",
    "skb_change_type", "skb_under_cgroup", "get_hash_recalc", "get_current_task",
    "probe_write_user", "current_task_under_cgroup", "skb_change_tail", "skb_pull_data",
    "csum_update", "set_hash_invalid", "get_numa_node_id", "skb_change_head", "xdp_adjust_head",
    "probe_read_str", "get_socket_cookie", "get_socket_uid", "set_hash", "setsockopt",
    "skb_adjust_room", "redirect_map", "sk_redirect_map", "sock_map_update", "xdp_adjust_meta",
    "perf_event_read_value", "perf_prog_read_value", "getsockopt", "override_return",
    "sock_ops_cb_flags_set", "msg_redirect_map", "msg_apply_bytes", "msg_cork_bytes",
    "msg_pull_data", "bind", "xdp_adjust_tail", "skb_get_xfrm_state", "get_stack",
    "skb_load_bytes_relative", "fib_lookup", "sock_hash_update", "msg_redirect_hash",
    "sk_redirect_hash", "lwt_push_encap", "lwt_seg6_store_bytes", "lwt_seg6_adjust_srh",
    "lwt_seg6_action", "rc_repeat", "rc_keydown", "skb_cgroup_id", "get_current_cgroup_id",
    "get_local_storage", "sk_select_reuseport", "skb_ancestor_cgroup_id", "sk_lookup_tcp",
    "sk_lookup_udp", "sk_release", "map_push_elem", "map_pop_elem", "map_peek_elem",
    "msg_push_data", "msg_pop_data", "rc_pointer_rel", "spin_lock", "spin_unlock",
    "sk_fullsock", "tcp_sock", "skb_ecn_set_ce", "get_listener_sock", "skc_lookup_tcp",
    "tcp_check_syncookie", "sysctl_get_name", "sysctl_get_current_value",
    "sysctl_get_new_value", "sysctl_set_new_value", "strtol", "strtoul", "sk_storage_get",
    "sk_storage_delete", "send_signal", "tcp_gen_syncookie", "skb_output", "probe_read_user",
    "probe_read_kernel", "probe_read_user_str", "probe_read_kernel_str", "tcp_send_ack",
    "send_signal_thread", "jiffies64", "read_branch_records", "get_ns_current_pid_tgid",
    "xdp_output", "get_netns_cookie", "get_current_ancestor_cgroup_id", "sk_assign",
    "ktime_get_boot_ns", "seq_printf", "seq_write", "sk_cgroup_id", "sk_ancestor_cgroup_id",
    "ringbuf_output", "ringbuf_reserve", "ringbuf_submit", "ringbuf_discard", "ringbuf_query",
    "csum_level", "skc_to_tcp6_sock", "skc_to_tcp_sock", "skc_to_tcp_timewait_sock",
    "skc_to_tcp_request_sock", "skc_to_udp6_sock", "get_task_stack", "load_hdr_opt",
    "store_hdr_opt", "reserve_hdr_opt", "inode_storage_get", "inode_storage_delete", "d_path",
    "copy_from_user", "snprintf_btf", "seq_printf_btf", "skb_cgroup_classid", "redirect_neigh",
    "per_cpu_ptr", "this_cpu_ptr", "redirect_peer", "task_storage_get", "task_storage_delete",
    "get_current_task_btf", "bprm_opts_set", "ktime_get_coarse_ns", "ima_inode_hash",
    "sock_from_file", "check_mtu", "for_each_map_elem", "snprintf", "sys_bpf",
    "btf_find_by_name_kind", "sys_close", "timer_init", "timer_set_callback", "timer_start",
    "timer_cancel", "get_func_ip", "get_attach_cookie", "task_pt_regs", "get_branch_snapshot",
    "trace_vprintk", "skc_to_unix_sock", "kallsyms_lookup_name", "find_vma", "loop", "strncmp",
    "get_func_arg", "get_func_ret", "get_func_arg_cnt", "get_retval", "set_retval",
    "xdp_get_buff_len", "xdp_load_bytes", "xdp_store_bytes", "copy_from_user_task",
    "skb_set_tstamp", "ima_file_hash", "kptr_xchg", "map_lookup_percpu_elem",
    "skc_to_mptcp_sock", "dynptr_from_mem", "ringbuf_reserve_dynptr", "ringbuf_submit_dynptr",
    "ringbuf_discard_dynptr", "dynptr_read", "dynptr_write", "dynptr_data",
    "tcp_raw_gen_syncookie_ipv4", "tcp_raw_gen_syncookie_ipv6", "tcp_raw_check_syncookie_ipv4",
    "tcp_raw_check_syncookie_ipv6", "ktime_get_tai_ns", "user_ringbuf_drain",
    "cgrp_storage_get", "cgrp_storage_delete",
};

constexpr std::array rules = std::to_array<Helper>({
    {.number = 1, .allowed = true, .result = Result::value}, // map_lookup_elem
    {.number = 2, .allowed = true}, // map_update_elem
    {.number = 3, .allowed = true}, // map_delete_elem
    {.number = 4, .allowed = true, .power = Power::read_kernel, .output = 1}, // probe_read
    {.number = 5, .allowed = true}, // ktime_get_ns
    {.number = 6, .allowed = true, .power = Power::read_kernel}, // trace_printk
    {.number = 7, .allowed = true}, // get_prandom_u32
    {.number = 8, .allowed = true}, // get_smp_processor_id
    {.number = 9, .allowed = true, .power = Power::write_packets}, // skb_store_bytes
    {.number = 10, .allowed = true, .power = Power::write_packets}, // l3_csum_replace
    {.number = 11, .allowed = true, .power = Power::write_packets}, // l4_csum_replace
    {.number = 12, .allowed = true, .flow = Flow::tail_call}, // tail_call
    {.number = 13, .allowed = true, .power = Power::redirect}, // clone_redirect
    {.number = 14, .allowed = true, .power = Power::read_kernel}, // get_current_pid_tgid
    {.number = 15, .allowed = true, .power = Power::read_kernel}, // get_current_uid_gid
    {.number = 16, .allowed = true, .power = Power::read_kernel, .output = 1}, // get_current_comm
    {.number = 17, .allowed = true}, // get_cgroup_classid
    {.number = 18, .allowed = true, .power = Power::write_packets}, // skb_vlan_push
    {.number = 19, .allowed = true, .power = Power::write_packets}, // skb_vlan_pop
    {.number = 20, .allowed = true, .output = 2}, // skb_get_tunnel_key
    {.number = 21, .allowed = true, .power = Power::write_packets}, // skb_set_tunnel_key
    {.number = 22, .allowed = true}, // perf_event_read
    {.number = 23, .allowed = true, .power = Power::redirect, .result = Result::redirected}, // redirect
    {.number = 24, .allowed = true}, // get_route_realm
    {.number = 25, .allowed = true}, // perf_event_output
    {.number = 26, .allowed = true, .output = 3}, // skb_load_bytes
    {.number = 28, .allowed = true}, // csum_diff
    {.number = 29, .allowed = true, .output = 2}, // skb_get_tunnel_opt
    {.number = 30, .allowed = true, .power = Power::write_packets}, // skb_set_tunnel_opt
    {.number = 31, .allowed = true, .power = Power::write_packets}, // skb_change_proto
    {.number = 32, .allowed = true, .power = Power::write_packets}, // skb_change_type
    {.number = 33, .allowed = true}, // skb_under_cgroup
    {.number = 34, .allowed = true}, // get_hash_recalc
    {.number = 35, .allowed = true, .power = Power::read_kernel}, // get_current_task
    {.number = 37, .allowed = true, .power = Power::read_kernel}, // current_task_under_cgroup
    {.number = 38, .allowed = true, .power = Power::write_packets}, // skb_change_tail
    {.number = 39, .allowed = true}, // skb_pull_data
    {.number = 40, .allowed = true, .power = Power::write_packets}, // csum_update
    {.number = 41, .allowed = true, .power = Power::write_packets}, // set_hash_invalid
    {.number = 42, .allowed = true}, // get_numa_node_id
    {.number = 43, .allowed = true, .power = Power::write_packets}, // skb_change_head
    {.number = 44, .allowed = true, .power = Power::write_packets}, // xdp_adjust_head
    {.number = 45, .allowed = true, .power = Power::read_kernel, .output = 1}, // probe_read_str
    {.number = 46, .allowed = true}, // get_socket_cookie
    {.number = 47, .allowed = true}, // get_socket_uid
    {.number = 48, .allowed = true, .power = Power::write_packets}, // set_hash
    {.number = 50, .allowed = true, .power = Power::write_packets}, // skb_adjust_room
    {.number = 51, .allowed = true, .power = Power::redirect}, // redirect_map
    {.number = 54, .allowed = true, .power = Power::write_packets}, // xdp_adjust_meta
    {.number = 55, .allowed = true, .output = 3}, // perf_event_read_value
    {.number = 65, .allowed = true, .power = Power::write_packets}, // xdp_adjust_tail
    {.number = 66, .allowed = true, .output = 3}, // skb_get_xfrm_state
    {.number = 68, .allowed = true, .output = 3}, // skb_load_bytes_relative
    {.number = 69, .allowed = true, .output = 2}, // fib_lookup
    {.number = 79, .allowed = true}, // skb_cgroup_id
    {.number = 80, .allowed = true, .power = Power::read_kernel}, // get_current_cgroup_id
    {.number = 83, .allowed = true}, // skb_ancestor_cgroup_id
    {.number = 84, .allowed = true, .result = Result::socket}, // sk_lookup_tcp
    {.number = 85, .allowed = true, .result = Result::socket}, // sk_lookup_udp
    {.number = 86, .allowed = true}, // sk_release
    {.number = 87, .allowed = true}, // map_push_elem
    {.number = 88, .allowed = true, .output = 2}, // map_pop_elem
    {.number = 89, .allowed = true, .output = 2}, // map_peek_elem
    {.number = 93, .allowed = true}, // spin_lock
    {.number = 94, .allowed = true}, // spin_unlock
    {.number = 95, .allowed = true, .result = Result::socket}, // sk_fullsock
    {.number = 96, .allowed = true, .result = Result::socket}, // tcp_sock
    {.number = 97, .allowed = true, .power = Power::write_packets}, // skb_ecn_set_ce
    {.number = 98, .allowed = true, .result = Result::socket}, // get_listener_sock
    {.number = 99, .allowed = true, .result = Result::socket}, // skc_lookup_tcp
    {.number = 100, .allowed = true}, // tcp_check_syncookie
    {.number = 105, .allowed = true, .output = 4}, // strtol
    {.number = 106, .allowed = true, .output = 4}, // strtoul
    {.number = 107, .allowed = true, .result = Result::value}, // sk_storage_get
    {.number = 108, .allowed = true}, // sk_storage_delete
    {.number = 112, .allowed = true, .power = Power::read_kernel, .output = 1}, // probe_read_user
    {.number = 113, .allowed = true, .power = Power::read_kernel, .output = 1}, // probe_read_kernel
    {.number = 114, .allowed = true, .power = Power::read_kernel, .output = 1}, // probe_read_user_str
    {.number = 115, .allowed = true, .power = Power::read_kernel, .output = 1}, // probe_read_kernel_str
    {.number = 118, .allowed = true}, // jiffies64
    {.number = 122, .allowed = true}, // get_netns_cookie
    {.number = 123, .allowed = true, .power = Power::read_kernel}, // get_current_ancestor_cgroup_id
    {.number = 124, .allowed = true, .power = Power::redirect}, // sk_assign
    {.number = 125, .allowed = true}, // ktime_get_boot_ns
    {.number = 128, .allowed = true}, // sk_cgroup_id
    {.number = 129, .allowed = true}, // sk_ancestor_cgroup_id
    {.number = 130, .allowed = true}, // ringbuf_output
    {.number = 131, .allowed = true, .result = Result::memory}, // ringbuf_reserve
    {.number = 132, .allowed = true}, // ringbuf_submit
    {.number = 133, .allowed = true}, // ringbuf_discard
    {.number = 134, .allowed = true}, // ringbuf_query
    {.number = 135, .allowed = true, .power = Power::write_packets}, // csum_level
    {.number = 136, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // skc_to_tcp6_sock
    {.number = 137, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // skc_to_tcp_sock
    {.number = 138, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // skc_to_tcp_timewait_sock
    {.number = 139, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // skc_to_tcp_request_sock
    {.number = 140, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // skc_to_udp6_sock
    {.number = 149, .allowed = true, .power = Power::read_kernel, .output = 1}, // snprintf_btf
    {.number = 151, .allowed = true}, // skb_cgroup_classid
    {.number = 152, .allowed = true, .power = Power::redirect, .result = Result::redirected}, // redirect_neigh
    {.number = 153, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // per_cpu_ptr
    {.number = 154, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // this_cpu_ptr
    {.number = 155, .allowed = true, .power = Power::redirect, .result = Result::redirected}, // redirect_peer
    {.number = 158, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // get_current_task_btf
    {.number = 160, .allowed = true}, // ktime_get_coarse_ns
    {.number = 163, .allowed = true, .output = 3}, // check_mtu
    {.number = 164, .allowed = true, .power = Power::loops, .flow = Flow::callback}, // for_each_map_elem
    {.number = 165, .allowed = true, .power = Power::read_kernel, .output = 1}, // snprintf
    {.number = 169, .allowed = true, .power = Power::timers}, // timer_init
    {.number = 170, .allowed = true, .power = Power::timers, .flow = Flow::later}, // timer_set_callback
    {.number = 171, .allowed = true, .power = Power::timers}, // timer_start
    {.number = 172, .allowed = true, .power = Power::timers}, // timer_cancel
    {.number = 177, .allowed = true, .power = Power::read_kernel}, // trace_vprintk
    {.number = 178, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // skc_to_unix_sock
    {.number = 181, .allowed = true, .power = Power::loops, .flow = Flow::callback}, // loop
    {.number = 182, .allowed = true}, // strncmp
    {.number = 188, .allowed = true}, // xdp_get_buff_len
    {.number = 189, .allowed = true, .output = 3}, // xdp_load_bytes
    {.number = 190, .allowed = true, .power = Power::write_packets}, // xdp_store_bytes
    {.number = 192, .allowed = true, .power = Power::write_packets}, // skb_set_tstamp
    {.number = 195, .allowed = true, .result = Result::value}, // map_lookup_percpu_elem
    {.number = 196, .allowed = true, .power = Power::read_kernel, .result = Result::kernel}, // skc_to_mptcp_sock
    {.number = 197, .allowed = true, .output = 4}, // dynptr_from_mem
    {.number = 198, .allowed = true, .output = 4}, // ringbuf_reserve_dynptr
    {.number = 199, .allowed = true}, // ringbuf_submit_dynptr
    {.number = 200, .allowed = true}, // ringbuf_discard_dynptr
    {.number = 201, .allowed = true, .output = 1}, // dynptr_read
    {.number = 202, .allowed = true}, // dynptr_write
    {.number = 203, .allowed = true, .result = Result::memory}, // dynptr_data
    {.number = 204, .allowed = true}, // tcp_raw_gen_syncookie_ipv4
    {.number = 205, .allowed = true}, // tcp_raw_gen_syncookie_ipv6
    {.number = 206, .allowed = true}, // tcp_raw_check_syncookie_ipv4
    {.number = 207, .allowed = true}, // tcp_raw_check_syncookie_ipv6
    {.number = 208, .allowed = true}, // ktime_get_tai_ns
    {.number = 209, .allowed = true, .power = Power::loops, .flow = Flow::callback}, // user_ringbuf_drain
});
// clang-format on

} // namespace

Helper helper_of(std::int32_t number) {
    const auto found = std::find_if(rules.begin(), rules.end(),
                                    [&](const Helper& rule) { return rule.number == number; });
    return found == rules.end() ? Helper{.number = number} : *found;
}

std::string helper_name(std::int32_t number) {
    if (number <= 0 || static_cast<std::size_t>(number) >= names.size())
        return "helper " + std::to_string(number);
    return std::string("bpf_") + names[static_cast<std::size_t>(number)];
}

} // namespace dynmon::policy

namespace dynmon {

namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::rejected, what).hint(hint);
}

// By number, because the names are newer than the headers of older systems.
constexpr std::array<std::int32_t, 6> forbidden_helpers = {
    36,  // probe_write_user
    58,  // override_return
    109, // send_signal
    117, // send_signal_thread
    166, // sys_bpf
    168, // sys_close
};
constexpr unsigned struct_ops_type = 26; // BPF_MAP_TYPE_STRUCT_OPS

void check_programs(const Object& object) {
    for (const ProgramInfo& program : object.programs())
        if (program.type == BPF_PROG_TYPE_UNSPEC)
            refuse("program '" + program.name + "' (section '" + program.section +
                       "') is for no hook of a network device",
                   "dynmon loads XDP and TC programs: sections tc, tcx/…, classifier and xdp");
    for (const MapInfo& map : object.maps())
        if (static_cast<unsigned>(map.type) == struct_ops_type)
            refuse("map '" + map.name + "' puts functions into the kernel (struct_ops)",
                   "dynmon loads XDP and TC programs only");
}

void check_helpers(const ElfSection& section) {
    for (std::size_t at = 0; at + sizeof(bpf_insn) <= section.data.size(); at += sizeof(bpf_insn)) {
        bpf_insn insn;
        std::memcpy(&insn, section.data.data() + at, sizeof insn);
        if (insn.code != policy::opcode::call || insn.src_reg != 0)
            continue;
        if (is_forbidden_helper(insn.imm))
            refuse("section '" + std::string(section.name) + "' calls " +
                       policy::helper_name(insn.imm) + ", which acts on other processes",
                   "a monitor only looks: leave the call out");
    }
}

// libbpf would put programs into a prog_array while it loads. The only prog_array that a probe may
// have is the chain of the hook, which the loader fills.
void check_filled_maps(const ElfFile& elf) {
    const auto stands_in_maps = [&](std::uint32_t section) {
        return section < elf.sections().size() && elf.sections()[section].name == ".maps";
    };
    for (const ElfRelocation& relocation : elf.relocations()) {
        const ElfSymbol& symbol = elf.symbols()[relocation.symbol];
        if (stands_in_maps(relocation.section) && !stands_in_maps(symbol.section))
            refuse("a map is to be filled with '" + std::string(symbol.name) + "', which is no map",
                   "leave out its `values`: the loader alone puts programs into chains");
    }
}

void check_externs(const btf* types) {
    const int section = btf__find_by_name_kind(types, ".kconfig", BTF_KIND_DATASEC);
    if (section < 0)
        return;
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
    std::string name;
    if (btf_vlen(type) > 0) {
        const btf_type* variable = btf__type_by_id(types, btf_var_secinfos(type)->type);
        name = " ('" + std::string(btf__name_by_offset(types, variable->name_off)) + "')";
    }
    refuse("it asks for the kernel's configuration" + name,
           "make what it depends on a parameter: `const volatile`, set with --set");
}

} // namespace

bool is_forbidden_helper(std::int32_t number) {
    return std::find(forbidden_helpers.begin(), forbidden_helpers.end(), number) !=
           forbidden_helpers.end();
}

void require_permitted(const Object& object) {
    during(object.path(), [&] {
        check_programs(object);
        check_externs(object.types());
        const ElfFile elf = ElfFile::read(object.bytes());
        check_filled_maps(elf);
        for (const ElfSection& section : elf.sections())
            if (section.executable())
                check_helpers(section);
    });
}

} // namespace dynmon
