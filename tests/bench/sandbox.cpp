// SPDX-License-Identifier: BSD-2-Clause
#include "sandbox.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include <sched.h>

#include <sys/mount.h>

#include "frames.hpp"

namespace bench {

namespace {

void require(int result, const char* what) {
    if (result != 0)
        throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

} // namespace

void mount_own_bpffs() {
    require(::unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
    // The mount that ours goes into: a mount point in a chroot too, where / is none.
    require(::mount(nullptr, "/sys", nullptr, MS_REC | MS_PRIVATE, nullptr), "make /sys private");
    require(::mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"), "mount a bpffs");
}

Traffic::Traffic(const VethPair& pair)
    : sender_([this, &pair] {
          const Bytes frame = ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(1, 2)));
          constexpr int burst = 32;
          while (!stop_) {
              for (int i = 0; i < burst; ++i)
                  pair.send("left", frame);
              std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
      }) {}

Traffic::~Traffic() {
    stop_ = true;
    sender_.join();
}

} // namespace bench
