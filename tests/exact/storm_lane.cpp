#include "storm_lane.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <sched.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

namespace storm {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds patience{5};

void require(bool good, const std::string& what) {
    if (!good)
        throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Counts every packet that the device receives and keeps next to none.
dynmon::Fd open_tap(int ifindex) {
    dynmon::Fd tap(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    require(static_cast<bool>(tap), "packet socket");
    const int on = 1;
    const int least = 1;
    require(::setsockopt(tap.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) == 0,
            "PACKET_IGNORE_OUTGOING");
    require(::setsockopt(tap.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least) == 0, "SO_RCVBUF");
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = ifindex;
    require(::bind(tap.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0,
            "bind packet socket");
    return tap;
}

std::uint64_t tx_dropped(const std::string& device) {
    ifaddrs* list = nullptr;
    require(::getifaddrs(&list) == 0, "getifaddrs");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next)
        if (each->ifa_addr != nullptr && each->ifa_addr->sa_family == AF_PACKET &&
            device == each->ifa_name)
            return static_cast<const rtnl_link_stats*>(each->ifa_data)->tx_dropped;
    throw std::runtime_error("no statistics of device " + device);
}

int index_of(const std::string& device) {
    const unsigned index = ::if_nametoindex(device.c_str());
    require(index != 0, "device " + device);
    return static_cast<int>(index);
}

} // namespace

Lane::Lane(std::string from, std::string to, std::uint64_t room)
    : from_(std::move(from)), to_(std::move(to)), ifindex_(index_of(from_)), room_(room),
      tap_(open_tap(index_of(to_))), dropped_before_(tx_dropped(from_)) {}

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
                throw std::runtime_error("packets sent by " + from_ + " do not arrive at " + to_);
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
    return tx_dropped(from_) - dropped_before_;
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
    count_arrivals(); // also what nobody expected
    if (arrived_ + given_up_ != sent_)
        throw std::runtime_error(from_ + " sent " + std::to_string(sent_) + " packets, " + to_ +
                                 " received " + std::to_string(arrived_) + ", " +
                                 std::to_string(given_up_) + " were dropped");
}

} // namespace storm
