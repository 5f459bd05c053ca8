// SPDX-License-Identifier: BSD-2-Clause
// The way to a collector of flows: messages over a UDP or TCP socket, IPv4 or IPv6.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace dynmon {

// "udp:HOST:PORT", "tcp:HOST:PORT", "udp:[v6]:PORT"; without a port that of IPFIX, 4739.
struct CollectorAddress {
    bool tcp = false;
    std::string host;
    std::string port;

    // Throws Error{usage} saying what is wrong with `text`, as given by `option`.
    static CollectorAddress parse(std::string_view text, std::string_view option);
    std::string text() const; // as it is written in full
};

// One connection at a time; UDP counts as connected until an error says that no process listens. No
// call waits for more than some seconds for the next byte to get through: a slow collector is
// waited for as long as it goes on, until the export has to stop. What the collector sends is not
// read.
class Collector {
public:
    virtual ~Collector() = default;
    // A new connection, and with it a new stream of messages. Throws Error{usage} for a name that
    // does not exist, Error{failed} when no host answers.
    virtual void connect() = 0;
    virtual void disconnect() = 0; // all has arrived
    // Gives up what has not arrived: over TCP the connection is reset, so that the system does not
    // go on sending it, and the collector does not take half a message for the end of the stream.
    virtual void reset() = 0;
    // The largest message that goes through in one piece.
    virtual std::size_t max_message() const = 0;
    virtual bool forgets() const = 0; // templates, as UDP does: they have to be repeated
    // Both throw Error{failed} when the connection is broken: what it cannot say to have arrived
    // has to be sent again on the next one.
    virtual void send(std::string_view message) = 0;
    // Whether all that was sent has arrived, as far as is known: over TCP the other host has
    // acknowledged it, over UDP no error came back. Waits for so long at most since the last
    // byte that did.
    virtual bool has_arrived(std::chrono::milliseconds patience) = 0;
    // After an error: whether the host has another address, which the next connect() takes. Over
    // UDP only sending shows that no process listens at one.
    virtual bool has_another() const { return false; }
    // Whether to try again may help: false once the export has to stop and nothing waits any more.
    virtual bool has_time() = 0;
};

// `mtu`: bytes of the largest IP packet; 0: that of the path, 1500 at most. Resolves the name once,
// so that a wrong one is found at once: throws Error{usage}. `stopping`: the export has to end, and
// waits for a collector that is slow for some seconds more in all.
std::unique_ptr<Collector> make_collector(const CollectorAddress& address, std::size_t mtu,
                                          std::function<bool()> stopping);

// Spaces messages out, so that they find room at a receiver that cannot say when it is full. Pure.

// A few messages may go at once: a sender that woke up late catches up with them.
class Pace {
public:
    explicit Pace(std::uint64_t messages_per_second); // 0: there is no bound

    // How long the next message has to wait.
    std::chrono::nanoseconds wait(std::chrono::nanoseconds now) const;
    void sent(std::chrono::nanoseconds now); // a message
    // The next `messages` may take no longer than `time` from here on.
    void fit(std::uint64_t messages, std::chrono::nanoseconds time);

private:
    std::chrono::nanoseconds gap_;
    std::chrono::nanoseconds due_{0}; // of the next message
};

} // namespace dynmon
