#include "kernel/xdp.hpp"

#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"
#include "hook/attach.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

namespace {

[[noreturn]] void throw_taken(const XdpState& holder) {
    std::string text = "XDP is taken";
    if (holder.program_id != 0)
        text += ": program " + describe_program(holder.program_id) + " runs there in " +
                to_string(holder.mode) + " mode";
    throw Error(ErrorKind::busy, text)
        .hint("dynmon never replaces a program of somebody else: remove it first, or use "
              "--hook tc, which several can share");
}

bool means_no_such_mode(int error_number) {
    return error_number == EOPNOTSUPP || error_number == EINVAL || error_number == ENOTSUP ||
           error_number == ERANGE;
}

} // namespace

Fd attach_xdp(const Fd& pivot, int ifindex, XdpMode& mode, bool allow_generic) {
    if (mode == XdpMode::offload)
        throw Error(ErrorKind::unsupported, "XDP offload cannot run a chain")
            .hint("network cards that run BPF themselves know no PROG_ARRAY; use --mode native");
    if (const XdpState holder = query_xdp(ifindex); holder.program_id != 0)
        throw_taken(holder);
    try {
        return create_link(pivot, ifindex, BPF_XDP, xdp_flags(mode));
    } catch (Error& error) {
        if (error.error_number() == EBUSY || error.error_number() == EEXIST)
            throw_taken(query_xdp(ifindex));
        if (interface_name(ifindex).empty()) // of which the kernel says EINVAL
            throw Error(ErrorKind::failed, "attach XDP: the interface is gone", ENODEV);
        if (mode != XdpMode::native || !means_no_such_mode(error.error_number()))
            throw;
        if (!allow_generic)
            throw Error(ErrorKind::unsupported, "the device refuses native XDP",
                        error.error_number())
                .hint(std::string("--mode generic works on every device, more slowly; --hook tc "
                                  "too") +
                      (error.error_number() == ERANGE
                           ? "; or lower its MTU, and that of the other end of a veth pair, until "
                             "a frame fits into a page"
                           : ""));
    }
    log::warn("the device refuses native XDP: generic XDP is used, as the manifest allows");
    mode = XdpMode::generic;
    return create_link(pivot, ifindex, BPF_XDP, xdp_flags(mode));
}

} // namespace dynmon
