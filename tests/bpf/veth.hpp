// SPDX-License-Identifier: BSD-2-Clause
// A veth pair in a network namespace of its own, gone with the object; frames sent by raw socket.
#pragma once

#include <cstdint>

#include "base/file.hpp"
#include "frames.hpp"

// As struct virtio_net_hdr, whose own header is not C++.
struct VirtioHeader {
    std::uint8_t flags = 0;    // 1: the checksum is to be filled in
    std::uint8_t gso_type = 0; // 1: TCP over IPv4
    std::uint16_t hdr_len = 0; // bytes that are to lie in the linear part of the socket buffer
    std::uint16_t gso_size = 0;
    std::uint16_t csum_start = 0;
    std::uint16_t csum_offset = 0;
};

// The calling thread is inside the namespace for as long as this lives.
class VethPair {
public:
    VethPair(); // "left" and "right", both up, MTU 9000, silent
    VethPair(const VethPair&) = delete;
    VethPair& operator=(const VethPair&) = delete;
    ~VethPair();

    // Attaches to `left` by clsact; detached with the namespace.
    void attach_tc(int program_fd, bool ingress) const;

    // A whole frame out of `interface`, as a driver of a virtual machine would hand it over.
    void send(const char* interface, const Bytes& frame, const VirtioHeader& header = {}) const;

private:
    dynmon::Fd home_; // the network namespace to go back to
    dynmon::Fd socket_;
};
