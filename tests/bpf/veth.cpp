// SPDX-License-Identifier: BSD-2-Clause
// A veth pair in a network namespace of its own, gone with the object; frames sent by raw socket.
#include "veth.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

namespace {

void require(bool good, const std::string& what) {
    if (!good)
        throw std::runtime_error(what + ": " + std::strerror(errno));
}

void shell(const std::string& command) {
    require(std::system(command.c_str()) == 0, command);
}

} // namespace

VethPair::VethPair() : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    require(home_.get() >= 0, "open own network namespace");
    require(::unshare(CLONE_NEWNET) == 0, "unshare(CLONE_NEWNET)");
    // Without IPv6 only the test sends anything.
    shell("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
    shell("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    shell("ip link add left mtu 9000 type veth peer name right mtu 9000");
    shell("ip link set left arp off up && ip link set right arp off up");
    socket_ = dynmon::Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const int on = 1;
    require(socket_.get() >= 0, "raw socket");
    require(::setsockopt(socket_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0,
            "PACKET_VNET_HDR");
}

VethPair::~VethPair() {
    ::setns(home_.get(), CLONE_NEWNET);
}

void VethPair::attach_tc(int program_fd, bool ingress) const {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(::if_nametoindex("left"));
    hook.attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    const int created = bpf_tc_hook_create(&hook);
    require(created == 0 || created == -EEXIST, "create clsact");
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.prog_fd = program_fd;
    require(bpf_tc_attach(&hook, &options) == 0, "attach to clsact");
}

void VethPair::send(const char* interface, const Bytes& frame, const VirtioHeader& header) const {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
    Bytes message(sizeof(header));
    std::memcpy(message.data(), &header, sizeof(header));
    message.insert(message.end(), frame.begin(), frame.end());
    require(::sendto(socket_.get(), message.data(), message.size(), 0,
                     reinterpret_cast<const sockaddr*>(&to),
                     sizeof(to)) == static_cast<ssize_t>(message.size()),
            "send a frame");
}
