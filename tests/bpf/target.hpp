// SPDX-License-Identifier: BSD-2-Clause
// A program that is given frames of any length.
#pragma once

#include <string>

#include <doctest/doctest.h>

#include "runner.hpp"
#include "veth.hpp"

// Runs XDP by BPF_PROG_TEST_RUN, but TC at the egress of a device: newer kernels refuse a test run
// with less than an IP header.
template <typename Skeleton>
class Target {
public:
    explicit Target(const std::string& program) : probe_(program) {
        if (!probe_.xdp())
            link_.attach_tc(probe_.fd(), false);
    }

    // The program has run when this returns, and passed the frame.
    void give(const Bytes& frame) const {
        if (probe_.xdp())
            CHECK(run(probe_.fd(), frame) == XDP_PASS);
        else
            link_.send("left", frame);
    }

    Skeleton* operator->() const { return probe_.operator->(); }

private:
    VethPair link_;
    Loaded<Skeleton> probe_;
};
