// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/xdp.hpp"

#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace dynmon {

XdpState query_xdp(int ifindex) {
    const LibbpfLog log;
    LIBBPF_OPTS(bpf_xdp_query_opts, options);
    const int result = bpf_xdp_query(ifindex, 0, &options);
    if (result < 0)
        throw Error(ErrorKind::failed, "query XDP", -result);
    if (options.drv_prog_id != 0)
        return {options.drv_prog_id, XdpMode::native};
    if (options.skb_prog_id != 0)
        return {options.skb_prog_id, XdpMode::generic};
    return {options.hw_prog_id, XdpMode::offload};
}

std::uint32_t xdp_flags(XdpMode mode) {
    switch (mode) {
    case XdpMode::native:
        return XDP_FLAGS_DRV_MODE;
    case XdpMode::generic:
        return XDP_FLAGS_SKB_MODE;
    case XdpMode::offload:
        return XDP_FLAGS_HW_MODE;
    }
    return 0;
}

} // namespace dynmon
