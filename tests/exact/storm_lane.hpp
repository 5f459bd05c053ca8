// SPDX-License-Identifier: BSD-2-Clause
// The way from one device to its peer: what went in, what came out, and no more than fits at a
// time.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/file.hpp"
#include "kernel/netns.hpp"

namespace storm {

// A device, maybe in another network namespace than ours.
class End {
public:
    explicit End(const std::string& name); // "DEVICE" or "NETNS/DEVICE"

    const std::string& device() const { return device_; }
    int ifindex() const { return ifindex_; }
    dynmon::Fd packet_socket() const; // in the device's namespace, bound to no protocol
    std::uint64_t tx_dropped() const;

private:
    dynmon::NetNs netns_;
    std::string device_;
    int ifindex_ = 0;
};

// A veth drops what its receive queue has no room for. So senders reserve their place in the lane,
// and a place is free again when the peer has received a packet: in front of its TC ingress hook,
// behind its XDP hook, counted by a packet socket and not by what is under test.
class Lane {
public:
    // The ends must outlive it.
    Lane(const End& from, const End& to, std::uint64_t room);

    const End& from() const { return from_; }
    const End& to() const { return to_; }

    // Waits until `count` more packets fit. Throws when the lane stands still.
    void reserve(std::uint64_t count);
    // `count` of the reserved packets were refused by the kernel, behind the egress hook.
    void refused(std::uint64_t count);
    // Waits until all that is on its way has arrived or is accounted for as dropped.
    void drain();

    std::uint64_t arrived() const { return arrived_; }
    std::uint64_t dropped() const; // by the device, as its statistics say
    std::uint64_t refusals() const { return refusals_; }

private:
    bool try_reserve(std::uint64_t count);
    void count_arrivals();
    void give_up_dropped();

    const End& from_;
    const End& to_;
    std::uint64_t room_;
    dynmon::Fd tap_;
    std::uint64_t dropped_before_ = 0;
    std::mutex counting_;
    std::atomic<std::uint64_t> sent_{0}; // reserved, or let go
    std::atomic<std::uint64_t> arrived_{0};
    std::atomic<std::uint64_t> given_up_{0}; // dropped or refused: will not arrive
    std::atomic<std::uint64_t> refusals_{0};
};

} // namespace storm
