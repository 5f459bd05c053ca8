// SPDX-License-Identifier: BSD-2-Clause
#include "floor.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "entry.h"
#include "kernel/map_calls.hpp"

namespace bench {

namespace {

constexpr std::uint32_t batch_size = 1024;
constexpr std::size_t longest_entry = 1024; // with room for the values of a few CPUs
constexpr std::size_t longest_value = 256;
constexpr std::size_t buffer_size = 1u << 16;

template <typename Visit>
std::uint64_t for_each_batch(const dynmon::Fd& map, const EntryShape& shape, Visit&& visit) {
    std::vector<bench_key> keys(batch_size);
    std::vector<std::byte> values(batch_size * shape.value_stride);
    std::uint32_t in = 0;
    std::uint32_t out = 0;
    std::uint64_t total = 0;
    for (bool started = false;; started = true) {
        std::uint32_t count = batch_size;
        const int result = dynmon::lookup_batch(map, started ? &in : nullptr, &out, keys.data(),
                                                values.data(), count);
        if (result != 0 && result != -ENOENT)
            throw std::runtime_error("batch look-up fails");
        visit(keys.data(), values.data(), count);
        total += count;
        if (result == -ENOENT)
            return total;
        in = out;
    }
}

class Writer {
public:
    explicit Writer(char* at) : at_(at) {}

    Writer& text(std::string_view literal) {
        std::memcpy(at_, literal.data(), literal.size());
        at_ += literal.size();
        return *this;
    }
    Writer& number(std::uint64_t value) {
        constexpr std::size_t most_digits = 20;
        at_ = std::to_chars(at_, at_ + most_digits, value).ptr;
        return *this;
    }
    char* at() const { return at_; }

private:
    char* at_;
};

// Fields as they are stored.
struct Raw {
    static void address(Writer& to, std::uint32_t address) { to.number(address); }
    static void port(Writer& to, std::uint16_t port) { to.number(port); }
    static void protocol(Writer& to, std::uint8_t protocol) { to.number(protocol); }
    static void flags(Writer& to, std::uint8_t flags) { to.number(flags); }
};

// Fields as people write them.
struct Typed {
    static void address(Writer& to, std::uint32_t address) {
        to.text("\"").number(address & 0xff).text(".").number(address >> 8 & 0xff);
        to.text(".").number(address >> 16 & 0xff).text(".").number(address >> 24).text("\"");
    }
    static void port(Writer& to, std::uint16_t port) { to.number(__builtin_bswap16(port)); }
    static void protocol(Writer& to, std::uint8_t protocol) {
        if (protocol == 6)
            to.text("\"TCP\"");
        else if (protocol == 17)
            to.text("\"UDP\"");
        else
            to.number(protocol);
    }
    static void flags(Writer& to, std::uint8_t flags) {
        static constexpr std::string_view names[] = {"FIN", "SYN", "RST", "PSH",
                                                     "ACK", "URG", "ECE", "CWR"};
        to.text("\"");
        bool first = true;
        for (unsigned bit = 0; bit < std::size(names); ++bit) {
            if ((flags >> bit & 1) == 0)
                continue;
            if (!first)
                to.text("|");
            first = false;
            to.text(names[bit]);
        }
        to.text("\"");
    }
};

template <typename Style>
void write_key(Writer& to, const bench_key& key) {
    to.text("{\"saddr\":");
    Style::address(to, key.saddr);
    to.text(",\"daddr\":");
    Style::address(to, key.daddr);
    to.text(",\"sport\":");
    Style::port(to, key.sport);
    to.text(",\"dport\":");
    Style::port(to, key.dport);
    to.text(",\"proto\":");
    Style::protocol(to, key.proto);
    to.text("}");
}

template <typename Style>
void write_value(Writer& to, const std::byte* bytes) {
    bench_value value;
    std::memcpy(&value, bytes, sizeof value);
    to.text("{\"source\":");
    Style::port(to, value.source);
    to.text(",\"dest\":");
    Style::port(to, value.dest);
    to.text(",\"seq\":").number(value.seq);
    to.text(",\"ack_seq\":").number(value.ack_seq);
    to.text(",\"window\":").number(value.window);
    to.text(",\"check\":").number(value.check);
    to.text(",\"doff\":").number(value.doff);
    to.text(",\"flags\":");
    Style::flags(to, value.flags);
    to.text("}");
}

template <typename Style>
void write_entry(Writer& to, const EntryShape& shape, const bench_key& key,
                 const std::byte* values) {
    to.text("{\"key\":");
    write_key<Style>(to, key);
    to.text(",\"value\":");
    if (shape.cpus == 0)
        write_value<Style>(to, values);
    for (std::size_t cpu = 0; cpu < shape.cpus; ++cpu) {
        to.text(cpu == 0 ? "[" : ",");
        write_value<Style>(to, values + cpu * (shape.value_stride / shape.cpus));
    }
    to.text(shape.cpus == 0 ? "}" : "]}");
}

template <typename Style>
void print_in(const dynmon::Fd& map, const EntryShape& shape, int fd) {
    std::vector<char> buffer(buffer_size + longest_entry + shape.cpus * longest_value);
    Writer to(buffer.data());
    bool first = true;
    const auto flush = [&] {
        const ssize_t size = to.at() - buffer.data();
        if (::write(fd, buffer.data(), static_cast<std::size_t>(size)) != size)
            throw std::runtime_error("write fails");
        to = Writer(buffer.data());
    };
    for_each_batch(map, shape,
                   [&](const bench_key* keys, const std::byte* values, std::size_t count) {
                       for (std::size_t i = 0; i < count; ++i) {
                           to.text(first ? "[" : ",");
                           first = false;
                           write_entry<Style>(to, shape, keys[i], values + i * shape.value_stride);
                           if (to.at() >= buffer.data() + buffer_size)
                               flush();
                       }
                   });
    to.text("]\n");
    flush();
}

} // namespace

std::uint64_t read_batches(const dynmon::Fd& map, const EntryShape& shape) {
    return for_each_batch(map, shape, [](const bench_key*, const std::byte*, std::size_t) {});
}

void print_by_hand(const dynmon::Fd& map, const EntryShape& shape, bool typed, int fd) {
    return typed ? print_in<Typed>(map, shape, fd) : print_in<Raw>(map, shape, fd);
}

} // namespace bench
