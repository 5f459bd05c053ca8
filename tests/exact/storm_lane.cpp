// SPDX-License-Identifier: BSD-2-Clause
#include "storm_lane.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <sched.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

namespace storm {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds patience{5};

void require(bool good, const std::string& what) {
    if (!good)
        throw std::runtime_error(what + ": " + std::strerror(errno));
}

dynmon::NetNs netns_of(const std::string& name) {
    const std::size_t slash = name.rfind('/');
    return slash == std::string::npos ? dynmon::NetNs::current()
                                      : dynmon::NetNs::open(name.substr(0, slash));
}

// Counts every packet that the device receives and keeps next to none.
dynmon::Fd open_tap(const End& end) {
    dynmon::Fd tap = end.packet_socket();
    const int on = 1;
    const int least = 1;
    require(::setsockopt(tap.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) == 0,
            "PACKET_IGNORE_OUTGOING");
    require(::setsockopt(tap.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least) == 0, "SO_RCVBUF");
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = end.ifindex();
    require(::bind(tap.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0,
            "bind packet socket");
    return tap;
}

} // namespace

End::End(const std::string& name)
    : netns_(netns_of(name)), device_(name.substr(name.rfind('/') + 1)) {
    const dynmon::NetNsScope inside(netns_);
    ifindex_ = dynmon::interface_index(device_);
}

dynmon::Fd End::packet_socket() const {
    const dynmon::NetNsScope inside(netns_);
    dynmon::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    require(static_cast<bool>(socket), "packet socket");
    return socket;
}

std::uint64_t End::tx_dropped() const {
    const dynmon::NetNsScope inside(netns_);
    ifaddrs* list = nullptr;
    require(::getifaddrs(&list) == 0, "getifaddrs");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next)
        if (each->ifa_addr != nullptr && each->ifa_addr->sa_family == AF_PACKET &&
            device_ == each->ifa_name)
            return static_cast<const rtnl_link_stats*>(each->ifa_data)->tx_dropped;
    throw std::runtime_error("no statistics of device " + device_);
}

Lane::Lane(const End& from, const End& to, std::uint64_t room)
    : from_(from), to_(to), room_(room), tap_(open_tap(to)), dropped_before_(from.tx_dropped()) {}

bool Lane::try_reserve(std::uint64_t count) {
    std::uint64_t sent = sent_;
    while (sent + count <= arrived_ + given_up_ + room_)
        if (sent_.compare_exchange_weak(sent, sent + count))
            return true;
    return false;
}

void Lane::reserve(std::uint64_t count) {
    if (try_reserve(count))
        return;
    count_arrivals();
    const auto deadline = Clock::now() + patience;
    while (!try_reserve(count)) {
        ::sched_yield();
        count_arrivals();
        if (Clock::now() > deadline) {
            give_up_dropped();
            if (!try_reserve(count))
                throw std::runtime_error("packets sent by " + from_.device() +
                                         " do not arrive at " + to_.device());
            return;
        }
    }
}

void Lane::refused(std::uint64_t count) {
    given_up_ += count;
    refusals_ += count;
}

void Lane::count_arrivals() {
    const std::unique_lock lock(counting_, std::try_to_lock);
    if (!lock)
        return; // another thread is at it
    tpacket_stats fresh{};
    socklen_t size = sizeof fresh;
    require(::getsockopt(tap_.get(), SOL_PACKET, PACKET_STATISTICS, &fresh, &size) == 0,
            "PACKET_STATISTICS");
    arrived_ += fresh.tp_packets; // with those that found no room in the socket
}

std::uint64_t Lane::dropped() const {
    return from_.tx_dropped() - dropped_before_;
}

// The device counts refused packets as dropped too.
void Lane::give_up_dropped() {
    given_up_ = dropped();
}

void Lane::drain() {
    const auto deadline = Clock::now() + patience;
    while (arrived_ + given_up_ < sent_ && Clock::now() < deadline) {
        ::sched_yield();
        count_arrivals();
    }
    give_up_dropped();
    count_arrivals(); // also what was not expected
    if (arrived_ + given_up_ != sent_)
        throw std::runtime_error(from_.device() + " sent " + std::to_string(sent_) + " packets, " +
                                 to_.device() + " received " + std::to_string(arrived_) + ", " +
                                 std::to_string(given_up_) + " were dropped");
}

} // namespace storm
