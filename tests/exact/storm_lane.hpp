// The way from one device to its peer: what went in, what came out, and no more than fits at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/fd.hpp"

namespace storm {

// A veth drops what its receive queue has no room for. So senders reserve their place in the lane,
// and a place is free again when the peer has received a packet: in front of its TC ingress hook,
// behind its XDP hook, counted by a packet socket and not by what is under test.
class Lane {
public:
    Lane(std::string from, std::string to, std::uint64_t room);

    const std::string& from() const { return from_; }
    const std::string& to() const { return to_; }
    int ifindex() const { return ifindex_; }

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

    std::string from_;
    std::string to_;
    int ifindex_ = 0;
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
