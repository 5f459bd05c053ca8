// SPDX-License-Identifier: BSD-2-Clause
// Rings in memory, written as the kernel writes them, with a reader that is overtaken between any
// two of its looks.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <linux/bpf.h>

#include "base/error.hpp"
#include "kernel/events.hpp"

using namespace dynmon;

namespace {

constexpr std::uint32_t header_bytes = BPF_RINGBUF_HDR_SZ;

std::uint64_t whole(std::size_t size) {
    return (size + header_bytes + 7) / 8 * 8;
}

// What kernel/bpf/ringbuf.c does: a record is reserved, written and committed; one that finds no
// room makes the oldest ones give way, if the ring overwrites, but none that is still being
// written.
class Ring {
public:
    Ring(std::size_t size, bool overwrites)
        : size_(size), overwrites_(overwrites), data_(new std::byte[2 * size]()) {}

    RingMemory memory() {
        return {.reader = &reader,
                .writer = &writer,
                .overwritten = overwrites_ ? &oldest : nullptr,
                .data = data_.get(),
                .size = size_};
    }

    // False: there is no room.
    bool reserve(std::size_t size, unsigned long& at) {
        const unsigned long end = writer + whole(size);
        while (pending_ != writer && (header(pending_) & BPF_RINGBUF_BUSY_BIT) == 0)
            pending_ += whole(header(pending_) & ~BPF_RINGBUF_DISCARD_BIT);
        if (end - pending_ >= size_ || (!overwrites_ && end - reader >= size_))
            return false;
        unsigned long first = oldest;
        while (overwrites_ && end - first >= size_)
            first += whole(header(first) & ~BPF_RINGBUF_DISCARD_BIT);
        __atomic_store_n(&oldest, first, __ATOMIC_SEQ_CST);
        at = writer;
        set_header(at, static_cast<std::uint32_t>(size) | BPF_RINGBUF_BUSY_BIT);
        __atomic_store_n(&writer, end, __ATOMIC_SEQ_CST);
        return true;
    }

    void commit(unsigned long at, const std::string& text, bool discard = false) {
        for (std::size_t i = 0; i < text.size(); ++i)
            put(at + header_bytes + i, static_cast<std::byte>(text[i]));
        const std::uint32_t length = header(at) & ~BPF_RINGBUF_BUSY_BIT;
        set_header(at, discard ? length | BPF_RINGBUF_DISCARD_BIT : length);
    }

    bool send(const std::string& text, bool discard = false) {
        unsigned long at = 0;
        if (!reserve(text.size(), at))
            return false;
        commit(at, text, discard);
        return true;
    }

    std::uint32_t header(unsigned long at) const {
        return __atomic_load_n(reinterpret_cast<std::uint32_t*>(data_.get() + at % size_),
                               __ATOMIC_ACQUIRE);
    }
    void set_header(unsigned long at, std::uint32_t value) {
        for (std::byte* half : {data_.get(), data_.get() + size_})
            __atomic_store_n(reinterpret_cast<std::uint32_t*>(half + at % size_), value,
                             __ATOMIC_RELEASE);
    }

    unsigned long reader = 0;
    unsigned long writer = 0;
    unsigned long oldest = 0;

private:
    void put(unsigned long at, std::byte value) {
        std::atomic_ref(data_[at % size_]).store(value, std::memory_order_relaxed);
        std::atomic_ref(data_[at % size_ + size_]).store(value, std::memory_order_relaxed);
    }

    std::size_t size_;
    bool overwrites_;
    unsigned long pending_ = 0;
    std::unique_ptr<std::byte[]> data_;
};

struct Seen {
    std::vector<std::string> records;
    std::vector<RingLoss> losses;

    std::uint64_t lost() const {
        std::uint64_t count = 0;
        for (const RingLoss& loss : losses)
            count += loss.records.value_or(0);
        return count;
    }
};

void walk(
    RingWalk& ring, Seen& seen, const std::function<bool()>& between = [] { return true; }) {
    ring.walk(
        [&](const std::byte* data, std::size_t size) {
            seen.records.emplace_back(reinterpret_cast<const char*>(data), size);
            return between();
        },
        [&](const RingLoss& loss) { seen.losses.push_back(loss); });
}

std::string numbered(unsigned number, std::size_t size) {
    std::string text = std::to_string(number);
    return text + std::string(size - text.size(), '.');
}

} // namespace

TEST_CASE("records of a ring come in order, once each, and discarded ones not at all") {
    Ring ring(128, false);
    RingWalk reader(ring.memory());
    Seen seen;
    for (unsigned round = 0; round < 20; ++round) { // around the end of the ring many times
        CHECK(ring.send(numbered(2 * round, 5)));
        CHECK(ring.send("discarded", true));
        CHECK(ring.send(numbered(2 * round + 1, 11)));
        walk(reader, seen);
    }
    REQUIRE(seen.records.size() == 40);
    for (unsigned i = 0; i < 40; ++i)
        CHECK(seen.records[i] == numbered(i, i % 2 == 0 ? 5 : 11));
    CHECK(seen.losses.empty());
    CHECK(ring.reader == ring.writer);
}

TEST_CASE("a record that is being written is waited for, with all that come behind it") {
    for (const bool overwrites : {false, true}) {
        Ring ring(64, overwrites);
        RingWalk reader(ring.memory());
        Seen seen;
        unsigned long slow = 0;
        REQUIRE(ring.reserve(4, slow));
        REQUIRE(ring.send("behind"));
        walk(reader, seen);
        CHECK(seen.records.empty());
        ring.commit(slow, "slow");
        walk(reader, seen);
        CHECK(seen.records == std::vector<std::string>{"slow", "behind"});
    }
}

TEST_CASE("a reader that stops has taken out the record that it was given, even by an exception") {
    Ring ring(64, false);
    RingWalk reader(ring.memory());
    Seen seen;
    for (const char* text : {"one", "two", "three"})
        ring.send(text);
    walk(reader, seen, [] { return false; });
    CHECK_THROWS_AS(walk(reader, seen, []() -> bool { throw Error(ErrorKind::failed, "no"); }),
                    Error);
    walk(reader, seen);
    CHECK(seen.records == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("a ring that overwrites is read from its oldest record on, and what is gone is counted") {
    // Records of 24 bytes do not divide the ring: the place of the oldest one is not its beginning.
    for (const std::size_t size : {std::size_t{8}, std::size_t{16}, std::size_t{24}}) {
        CAPTURE(size);
        Ring ring(4096, true);
        for (unsigned i = 0; i < 1000; ++i)
            REQUIRE(ring.send(numbered(i, size)));
        const std::uint64_t kept = 4095 / whole(size); // one byte always stays free
        RingWalk reader(ring.memory());
        Seen seen;
        walk(reader, seen);
        REQUIRE(seen.records.size() == kept);
        for (unsigned i = 0; i < kept; ++i)
            CHECK(seen.records[i] == numbered(static_cast<unsigned>(1000 - kept) + i, size));
        REQUIRE(seen.losses.size() == 1);
        CHECK(seen.losses[0].records == 1000 - kept);
        CHECK(seen.losses[0].bytes == (1000 - kept) * whole(size));
        walk(reader, seen);
        CHECK(seen.records.size() == kept);
        CHECK(seen.losses.size() == 1);
    }
}

TEST_CASE("every event comes or is counted, however far a reader falls behind") {
    Ring ring(4096, true);
    RingWalk reader(ring.memory());
    Seen seen;
    unsigned sent = 0;
    for (unsigned burst = 1; burst < 900; burst += 17) {
        for (unsigned i = 0; i < burst; ++i)
            REQUIRE(ring.send(numbered(sent++, 16)));
        walk(reader, seen);
        CHECK(seen.records.size() + seen.lost() == sent);
    }
    CHECK(seen.lost() > 0);
    for (std::size_t i = 1; i < seen.records.size(); ++i)
        CHECK(std::stoi(seen.records[i - 1]) < std::stoi(seen.records[i])); // none twice
}

TEST_CASE("a reader that is overtaken while it hands on a record goes on at the oldest one") {
    Ring ring(256, true);
    RingWalk reader(ring.memory());
    Seen seen;
    unsigned sent = 0;
    const auto burst = [&](unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            REQUIRE(ring.send(numbered(sent++, 16)));
        return true;
    };
    burst(5);
    unsigned rounds = 0;
    walk(reader, seen, [&] { return burst(++rounds < 30 ? rounds : 0); });
    CHECK(seen.records.size() + seen.lost() == sent);
    CHECK(seen.lost() > 100);
    for (std::size_t i = 1; i < seen.records.size(); ++i)
        CHECK(std::stoi(seen.records[i - 1]) < std::stoi(seen.records[i]));
}

TEST_CASE("of records that differ in size the bytes that are gone are known, and no number") {
    Ring ring(256, true);
    for (unsigned i = 0; i < 100; ++i)
        REQUIRE(ring.send(numbered(i, i % 2 == 0 ? 8 : 24)));
    RingWalk reader(ring.memory());
    Seen seen;
    walk(reader, seen, [] { return true; });
    REQUIRE(seen.losses.size() == 1);
    const std::uint64_t left = ring.writer - ring.oldest;
    CHECK(seen.losses[0].bytes == ring.writer - left);
    for (unsigned i = 0; i < 100; ++i)
        REQUIRE(ring.send(numbered(i, i % 2 == 0 ? 8 : 24)));
    walk(reader, seen);
    REQUIRE(seen.losses.size() == 2);
    CHECK(!seen.losses[1].records);
    CHECK(seen.losses[1].bytes > 0);
}

TEST_CASE("a writer that does not wait overtakes the reader at any moment, and no record is torn") {
    constexpr unsigned count = 300'000;
    Ring ring(256, true);
    RingWalk reader(ring.memory());
    Seen seen;
    std::atomic<bool> done = false;
    std::thread writer([&] {
        for (unsigned i = 0; i < count; ++i) {
            const std::string number = std::to_string(1'000'000 + i);
            ring.send(number + number);
        }
        done = true;
    });
    for (bool last = false; !last;) {
        last = done;
        walk(reader, seen);
    }
    writer.join();
    CHECK(seen.records.size() + seen.lost() == count);
    std::size_t torn = 0;
    std::size_t again = 0;
    unsigned before = 0;
    for (const std::string& record : seen.records) {
        const bool whole_record = record.size() == 14 && record.substr(0, 7) == record.substr(7);
        torn += whole_record ? 0 : 1;
        const unsigned number =
            whole_record ? static_cast<unsigned>(std::stoul(record.substr(7))) : 0;
        again += number <= before ? 1 : 0;
        before = number;
    }
    CHECK(torn == 0);
    CHECK(again == 0);
}

TEST_CASE("a position that is no record's is an error, and nothing beyond the ring is read") {
    for (const bool overwrites : {false, true}) {
        Ring ring(4096, overwrites);
        for (unsigned i = 0; i < 3; ++i)
            REQUIRE(ring.send(std::string(64, '\xff')));
        ring.reader = 16; // in the middle of a record: its bytes are no header
        ring.set_header(16, 0x3fffffff);
        RingWalk reader(ring.memory());
        Seen seen;
        CHECK_THROWS_WITH_AS(walk(reader, seen),
                             "read the ring buffer: no record begins at position 16", Error);
        CHECK(seen.records.empty());
        ring.reader = ring.writer + 8; // beyond the end
        walk(reader, seen);
        CHECK(seen.records.empty());
    }
}

TEST_CASE("positions go round") {
    Ring ring(256, true);
    const unsigned long almost = 0ul - 48;
    ring.reader = ring.writer = ring.oldest = almost;
    RingWalk reader(ring.memory());
    Seen seen;
    for (unsigned i = 0; i < 4; ++i) {
        unsigned long at = ring.writer;
        ring.set_header(at, 16);
        ring.commit(at, numbered(i, 16));
        ring.writer += whole(16);
    }
    walk(reader, seen);
    CHECK(seen.records.size() == 4);
    CHECK(ring.reader == 48);
}
