// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "format/sink.hpp"

using namespace dynmon;

TEST_CASE("nothing is written before the threshold, everything by a flush") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_NONBLOCK) == 0);
    const Fd read_end(ends[0]);
    const Fd write_end(ends[1]);
    char buffer[16];
    Sink sink(write_end.get());
    sink.buffer() += "hello";
    sink.spill();
    CHECK(::read(read_end.get(), buffer, sizeof buffer) == -1);
    sink.flush();
    REQUIRE(::read(read_end.get(), buffer, sizeof buffer) == 5);
    CHECK(std::string(buffer, 5) == "hello");
    CHECK(sink.buffer().empty());
}

TEST_CASE("a pipe that is full is waited for") {
    int ends[2];
    REQUIRE(::pipe2(ends, 0) == 0);
    const Fd read_end(ends[0]);
    const Fd write_end(ends[1]);
    REQUIRE(::fcntl(write_end.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string much(4 << 20, 'x');
    std::size_t seen = 0;
    std::thread reader([&] {
        char buffer[65536];
        while (seen < much.size())
            seen += static_cast<std::size_t>(::read(read_end.get(), buffer, sizeof buffer));
    });
    Sink sink(write_end.get());
    sink.buffer() = much;
    sink.flush();
    reader.join();
    CHECK(seen == much.size());
}

TEST_CASE("a reader that has gone is an error with its name, and the text is not written again") {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const Fd write_end(ends[1]);
    ::close(ends[0]);
    Sink sink(write_end.get());
    sink.buffer() = "x";
    try {
        sink.flush();
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.error_number() == EPIPE);
        CHECK(std::string(error.what()) == "write output: broken pipe (EPIPE)");
    }
    CHECK(sink.buffer().empty());
}

TEST_CASE("a full disk is an error with its name") {
    const Fd full(::open("/dev/full", O_WRONLY));
    Sink sink(full.get());
    sink.buffer() = "x";
    CHECK_THROWS_WITH(sink.flush(), "write output: no space left on device (ENOSPC)");
}

TEST_CASE("without a descriptor everything stays in memory") {
    Sink sink(-1);
    sink.buffer() = std::string(Sink::threshold + 1, 'x');
    sink.spill();
    sink.flush();
    CHECK(sink.buffer().size() == Sink::threshold + 1);
}

TEST_CASE(
    "what goes to a terminal has nothing that the terminal obeys; what goes elsewhere is exact") {
    const Fd master(::posix_openpt(O_RDWR | O_NOCTTY));
    REQUIRE(master.get() >= 0);
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    const Fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
    REQUIRE(terminal.get() >= 0);
    Sink sink(terminal.get());
    sink.buffer() += "name,\x1b]0;title\a\n";
    sink.flush();
    char seen[64];
    const ssize_t length = ::read(master.get(), seen, sizeof seen);
    REQUIRE(length > 0);
    CHECK(std::string(seen, static_cast<std::size_t>(length)) == "name,\\x1b]0;title\\x07\r\n");

    int ends[2];
    REQUIRE(::pipe2(ends, 0) == 0);
    const Fd read_end(ends[0]);
    const Fd write_end(ends[1]);
    Sink exact(write_end.get());
    exact.buffer() += "\x1b";
    exact.flush();
    REQUIRE(::read(read_end.get(), seen, sizeof seen) == 1);
    CHECK(seen[0] == '\x1b');
}
