// SPDX-License-Identifier: BSD-2-Clause
// Sends small packets of many flows out of a device, from several CPUs at once and as fast as it
// goes: what finds no room is dropped, and the device counts what was not.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>

#include <CLI/CLI.hpp>
#include <linux/if_packet.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/file.hpp"
#include "frames.hpp"
#include "storm_lane.hpp"

namespace flood {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t batch_size = 64;

struct Options {
    std::string from;
    std::vector<int> cpus; // one thread each
    std::uint16_t flows = 1;
    double seconds = 1;
};

// Half of them TCP, half UDP, 60 bytes as the smallest Ethernet has; no host answers their address.
std::vector<Bytes> frames_of(std::uint16_t flows) {
    std::vector<Bytes> frames;
    for (std::uint16_t i = 0; i < flows; ++i) {
        const auto port = static_cast<std::uint16_t>(1024 + i);
        const bool is_tcp = i % 2 == 0;
        const Ipv4 header{.protocol =
                              static_cast<std::uint8_t>(is_tcp ? IPPROTO_TCP : IPPROTO_UDP)};
        Bytes frame = ethernet(ETH_P_IP, ipv4(header, is_tcp ? tcp({.source = port}, payload(6))
                                                             : udp(port, 53, payload(18))));
        frame[5] = 0x99;
        frames.push_back(frame);
    }
    return frames;
}

dynmon::Fd open_sender(const storm::End& from) {
    dynmon::Fd socket = from.packet_socket();
    const int on = 1;
    if (::setsockopt(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0)
        throw std::runtime_error(std::string("PACKET_QDISC_BYPASS: ") + std::strerror(errno));
    return socket;
}

void stay_on(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0)
        throw std::runtime_error("run on CPU " + std::to_string(cpu) + ": " + std::strerror(errno));
}

class Sender {
public:
    Sender(const storm::End& from, const std::vector<Bytes>& frames)
        : frames_(frames), socket_(open_sender(from)) {
        to_.sll_family = AF_PACKET;
        to_.sll_ifindex = from.ifindex();
    }

    // How many were handed to the device until `end`.
    std::uint64_t send_until(Clock::time_point end) {
        std::uint64_t sent = 0;
        while (Clock::now() < end) {
            fill();
            const int result = ::sendmmsg(socket_.get(), messages_.data(), batch_size, 0);
            if (result < 0 && errno != EINTR && errno != ENOBUFS)
                throw std::runtime_error(std::string("send: ") + std::strerror(errno));
            sent += result > 0 ? static_cast<std::uint64_t>(result) : 0;
        }
        return sent;
    }

private:
    void fill() {
        for (std::size_t i = 0; i < batch_size; ++i, ++next_) {
            const Bytes& frame = frames_[next_ % frames_.size()];
            parts_[i] = {const_cast<std::uint8_t*>(frame.data()), frame.size()};
            messages_[i].msg_hdr.msg_name = &to_;
            messages_[i].msg_hdr.msg_namelen = sizeof to_;
            messages_[i].msg_hdr.msg_iov = &parts_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    const std::vector<Bytes>& frames_;
    dynmon::Fd socket_;
    sockaddr_ll to_{};
    std::size_t next_ = 0;
    std::array<mmsghdr, batch_size> messages_{};
    std::array<iovec, batch_size> parts_{};
};

void run(const Options& options) {
    const storm::End from(options.from);
    const std::vector<Bytes> frames = frames_of(options.flows);
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(options.seconds));
    std::atomic<std::uint64_t> sent{0};
    std::atomic<bool> failed{false};
    std::vector<std::thread> threads;
    for (const int cpu : options.cpus)
        threads.emplace_back([&, cpu] {
            try {
                stay_on(cpu);
                sent += Sender(from, frames).send_until(end);
            } catch (const std::exception& error) {
                std::cerr << "packet-flood: " << error.what() << "\n";
                failed = true;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    if (failed)
        throw std::runtime_error("a sender failed");
    std::cout << nlohmann::ordered_json{{"sent", sent.load()}, {"seconds", options.seconds}}.dump()
              << std::endl;
}

} // namespace

} // namespace flood

int main(int argc, char** argv) {
    flood::Options options;
    CLI::App app("Floods the peer of a veth with small packets; prints how many as JSON.");
    app.add_option("--from", options.from, "DEVICE or NETNS/DEVICE")->required();
    app.add_option("--cpus", options.cpus, "one thread on each of these")->required();
    app.add_option("--flows", options.flows, "how many")->check(CLI::Range(1, 60000));
    app.add_option("--seconds", options.seconds, "how long")->check(CLI::PositiveNumber);
    CLI11_PARSE(app, argc, argv);
    try {
        flood::run(options);
    } catch (const std::exception& error) {
        std::cerr << "packet-flood: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
