// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/tc.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.hpp"
#include "hook/attach.hpp"
#include "kernel/bpf.hpp"
#include "kernel/xdp.hpp"

namespace dynmon {

namespace {

bpf_attach_type tcx_type(HookPoint point) {
    return point == HookPoint::tc_ingress ? tcx_ingress : tcx_egress;
}

} // namespace

TcDirection tc_direction(HookPoint point) {
    return point == HookPoint::tc_ingress ? TcDirection::ingress : TcDirection::egress;
}

bool runs_at(const HookId& id, std::uint32_t pivot) {
    if (interface_name(id.ifindex).empty())
        return false;
    if (id.point == HookPoint::xdp)
        return query_xdp(id.ifindex).program_id == pivot;
    if (const auto programs = tcx_programs(id);
        programs && std::find(programs->begin(), programs->end(), pivot) != programs->end())
        return true;
    return clsact_program(id) == pivot;
}

Fd attach_tcx(const Fd& pivot, const HookId& id, HookOrder order) {
    try {
        return create_link(pivot, id.ifindex, tcx_type(id.point),
                           order == HookOrder::head ? tcx_before : tcx_after);
    } catch (const Error& error) {
        if (error.error_number() != ERANGE)
            throw;
        throw Error(ErrorKind::busy,
                    std::string("attach to TCX: ") + to_string(id.point) + " of '" +
                        interface_name(id.ifindex) + "' has " + std::to_string(most_tcx_programs) +
                        " programs, as many as the kernel allows",
                    ERANGE)
            .hint("take one of them off (`bpftool net` lists them), or load with --tc clsact, "
                  "which runs behind them all");
    }
}

void attach_clsact(const Fd& pivot, const HookId& id, HookOrder order,
                   std::optional<std::uint32_t> priority) {
    create_clsact(id.ifindex);
    const TcDirection direction = tc_direction(id.point);
    const std::vector<TcFilter> filters = list_filters(id.ifindex, direction);
    attach_filter(id.ifindex, direction, pivot,
                  priority                   ? *priority
                  : order == HookOrder::head ? first_priority(filters)
                                             : last_priority(filters));
}

void detach_clsact(const HookId& id, std::uint32_t pivot, bool made_qdisc) {
    if (interface_name(id.ifindex).empty())
        return; // the filter went with the device
    if (clsact_program(id) == pivot)
        detach_filter(id.ifindex, tc_direction(id.point));
    if (made_qdisc && has_clsact(id.ifindex) && !has_filters(id.ifindex, TcDirection::ingress) &&
        !has_filters(id.ifindex, TcDirection::egress))
        delete_clsact(id.ifindex);
}

std::optional<std::uint32_t> clsact_program(const HookId& id) {
    return query_filter(id.ifindex, tc_direction(id.point));
}

std::optional<std::vector<std::uint32_t>> tcx_programs(const HookId& id) {
    return query_tcx(id.ifindex, tcx_type(id.point));
}

std::vector<TcFilter> clsact_filters(const HookId& id) {
    return list_filters(id.ifindex, tc_direction(id.point));
}

void wait_detached(const HookId& id, std::uint32_t pivot) {
    using namespace std::chrono_literals;
    const auto deadline = std::chrono::steady_clock::now() + 3s;
    while (runs_at(id, pivot)) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorKind::failed, "the pivot is still attached after its link was removed")
                .hint("another process holds the link; `bpftool link` shows it");
        std::this_thread::sleep_for(1ms);
    }
}

} // namespace dynmon
