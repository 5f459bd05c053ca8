// SPDX-License-Identifier: BSD-2-Clause
// Sends an exact number of known frames both ways through a veth pair, from several CPUs at once.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <linux/if_packet.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/file.hpp"
#include "storm_flows.hpp"
#include "storm_lane.hpp"

namespace storm {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t batch_size = 32;

struct Options {
    std::vector<std::string> ends; // of a veth pair
    std::vector<int> cpus;         // one thread each
    std::uint64_t count = 0;
    std::uint64_t rate = 0; // packets a second, all threads together; 0: as fast as it goes
    std::uint64_t room = 128;
    bool until_closed = false; // go on beyond `count` until stdin is closed
};

// Frames out of one device from one thread, each flow in turn. Without PACKET_QDISC_BYPASS, which
// would also go around the TC egress hook.
class Outlet {
public:
    Outlet(Lane& lane, const std::vector<Flow>& flows)
        : lane_(lane), flows_(flows), socket_(lane.from().packet_socket()), sent_(flows.size()) {
        to_.sll_family = AF_PACKET;
        to_.sll_ifindex = lane.from().ifindex();
    }

    void send(std::size_t count) {
        lane_.reserve(count);
        std::array<mmsghdr, batch_size> messages{};
        std::array<iovec, batch_size> parts{};
        for (std::size_t i = 0; i < count; ++i) {
            const Bytes& frame = flows_[(next_ + i) % flows_.size()].frame;
            parts[i] = {const_cast<std::uint8_t*>(frame.data()), frame.size()};
            messages[i].msg_hdr.msg_name = &to_;
            messages[i].msg_hdr.msg_namelen = sizeof to_;
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        for (std::size_t done = 0; done < count;)
            done += send_some(messages.data() + done, count - done);
    }

    const std::vector<std::uint64_t>& sent() const { return sent_; }

private:
    // At least one message, whatever becomes of it: one that the device had no room for (ENOBUFS)
    // went by the egress hook too.
    std::size_t send_some(mmsghdr* messages, std::size_t count) {
        const int result = ::sendmmsg(socket_.get(), messages, static_cast<unsigned>(count), 0);
        if (result < 0 && errno == EINTR)
            return 0;
        if (result < 0 && errno != ENOBUFS)
            throw std::runtime_error("send out of " + lane_.from().device() + ": " +
                                     std::strerror(errno));
        const std::size_t gone = result < 0 ? 1 : static_cast<std::size_t>(result);
        if (result < 0)
            lane_.refused(1);
        for (std::size_t i = 0; i < gone; ++i, ++next_)
            ++sent_[next_ % flows_.size()];
        return gone;
    }

    Lane& lane_;
    const std::vector<Flow>& flows_;
    dynmon::Fd socket_;
    sockaddr_ll to_{};
    std::uint64_t next_ = 0;
    std::vector<std::uint64_t> sent_; // by flow
};

struct Shared {
    std::vector<std::unique_ptr<Lane>> lanes;
    std::vector<std::vector<Flow>> flows; // by lane
    std::atomic<bool> closed{false};      // `count` is enough
    std::atomic<bool> failed{false};
    std::atomic<std::size_t> waiting{0}; // threads that have sent nothing yet
};

// One CPU's part of the storm.
class Sender {
public:
    Sender(Shared& shared, int cpu, std::uint64_t quota, double rate)
        : shared_(shared), cpu_(cpu), quota_(quota), rate_(rate) {
        for (std::size_t i = 0; i < shared.lanes.size(); ++i)
            outlets_.push_back(std::make_unique<Outlet>(*shared.lanes[i], shared.flows[i]));
    }

    void run() {
        try {
            pin_to_cpu();
            send_all();
        } catch (...) {
            error_ = std::current_exception();
            shared_.failed = true;
        }
    }

    void rethrow() const {
        if (error_)
            std::rethrow_exception(error_);
    }

    int cpu() const { return cpu_; }
    std::uint64_t sent() const { return sent_; }
    const std::vector<std::unique_ptr<Outlet>>& outlets() const { return outlets_; }

private:
    void pin_to_cpu() const {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<std::size_t>(cpu_), &set);
        if (::sched_setaffinity(0, sizeof set, &set) != 0)
            throw std::runtime_error("run on CPU " + std::to_string(cpu_) + ": " +
                                     std::strerror(errno));
    }

    std::size_t next_batch() const {
        if (sent_ < quota_)
            return std::min<std::uint64_t>(batch_size, quota_ - sent_);
        return shared_.closed ? 0 : batch_size;
    }

    void send_all() {
        const auto start = Clock::now();
        std::size_t round = static_cast<std::size_t>(cpu_); // not all on the same lane
        while (const std::size_t count = shared_.failed ? 0 : next_batch()) {
            outlets_[++round % outlets_.size()]->send(count);
            if (sent_ == 0)
                --shared_.waiting;
            sent_ += count;
            if (rate_ > 0)
                std::this_thread::sleep_until(
                    start + std::chrono::duration_cast<Clock::duration>(
                                std::chrono::duration<double>(static_cast<double>(sent_) / rate_)));
        }
    }

    Shared& shared_;
    int cpu_;
    std::uint64_t quota_;
    double rate_;
    std::uint64_t sent_ = 0;
    std::vector<std::unique_ptr<Outlet>> outlets_;
    std::exception_ptr error_;
};

using Senders = std::vector<std::unique_ptr<Sender>>;

nlohmann::ordered_json report_flows(const Shared& shared, const Senders& senders,
                                    std::size_t lane) {
    auto flows = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < shared.flows[lane].size(); ++i) {
        const Flow& flow = shared.flows[lane][i];
        std::uint64_t packets = 0;
        for (const auto& sender : senders)
            packets += sender->outlets()[lane]->sent()[i];
        flows.push_back(
            {{"key", flow.key}, {"packets", packets}, {"bytes", packets * flow.ip_bytes}});
    }
    return flows;
}

nlohmann::ordered_json report(const Shared& shared, const Senders& senders) {
    auto threads = nlohmann::ordered_json::array();
    std::uint64_t sent = 0;
    for (const auto& sender : senders) {
        threads.push_back({{"cpu", sender->cpu()}, {"sent", sender->sent()}});
        sent += sender->sent();
    }
    auto lanes = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < shared.lanes.size(); ++i) {
        const Lane& lane = *shared.lanes[i];
        lanes.push_back({{"from", lane.from().device()},
                         {"to", lane.to().device()},
                         {"arrived", lane.arrived()},
                         {"refused", lane.refusals()},
                         {"dropped", lane.dropped()},
                         {"flows", report_flows(shared, senders, i)}});
    }
    return {{"sent", sent}, {"threads", threads}, {"lanes", lanes}};
}

void wait_until_closed() {
    char ignored = 0;
    while (::read(STDIN_FILENO, &ignored, 1) > 0) {
        // only the end of the input counts
    }
}

void run(const Options& options) {
    const std::array ends{End(options.ends.at(0)), End(options.ends.at(1))};
    Shared shared;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        shared.lanes.push_back(std::make_unique<Lane>(ends[i], ends[1 - i], options.room));
        shared.flows.push_back(flows_of(i));
    }
    shared.closed = !options.until_closed;
    shared.waiting = options.cpus.size();
    const std::size_t threads = options.cpus.size();
    Senders senders;
    for (std::size_t i = 0; i < threads; ++i)
        senders.push_back(std::make_unique<Sender>(
            shared, options.cpus[i], options.count / threads + (i < options.count % threads),
            static_cast<double>(options.rate) / static_cast<double>(threads)));
    std::vector<std::thread> running;
    for (const auto& sender : senders)
        running.emplace_back([&sender] { sender->run(); });
    while (shared.waiting > 0 && !shared.failed)
        std::this_thread::yield();
    std::cout << "sending" << std::endl;
    if (options.until_closed) {
        wait_until_closed();
        shared.closed = true;
    }
    for (std::thread& thread : running)
        thread.join();
    for (const auto& sender : senders)
        sender->rethrow();
    for (const auto& lane : shared.lanes)
        lane->drain();
    std::cout << report(shared, senders).dump() << std::endl;
}

} // namespace

} // namespace storm

int main(int argc, char** argv) {
    storm::Options options;
    CLI::App app("Sends an exact number of known frames both ways through a veth pair. Prints "
                 "\"sending\" when every thread is at work, and at the end what was sent as JSON.");
    app.add_option("--ends", options.ends, "of the pair: two times DEVICE or NETNS/DEVICE")
        ->required()
        ->expected(2);
    app.add_option("--cpus", options.cpus, "one thread on each of these")->required();
    app.add_option("--count", options.count, "how many packets, of all threads together")
        ->required()
        ->check(CLI::PositiveNumber);
    app.add_option("--rate", options.rate, "packets a second, at most");
    app.add_option("--room", options.room, "packets on their way to a device at a time, at most")
        ->check(CLI::Range(32, 4096));
    app.add_flag("--until-closed", options.until_closed,
                 "send more than --count, until standard input is closed");
    CLI11_PARSE(app, argc, argv);
    try {
        storm::run(options);
    } catch (const std::exception& error) {
        std::cerr << "packet-storm: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
