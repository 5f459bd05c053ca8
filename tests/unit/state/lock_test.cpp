// SPDX-License-Identifier: BSD-2-Clause
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "state/lock.hpp"

using namespace dynmon;
using namespace std::chrono_literals;
using Mode = DirectoryLock::Mode;

namespace {

struct TemporaryDirectory {
    std::string path = "/tmp/dynmon-lock-XXXXXX";
    TemporaryDirectory() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    ~TemporaryDirectory() { rmdir(path.c_str()); }
};

bool can_lock(const std::string& path, Mode mode) {
    try {
        const DirectoryLock lock(path, mode, no_patience());
        return true;
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::busy);
        return false;
    }
}

} // namespace

TEST_CASE("readers share a lock, a writer has it alone") {
    const TemporaryDirectory dir;
    {
        const DirectoryLock reader(dir.path, Mode::shared, no_patience());
        CHECK(can_lock(dir.path, Mode::shared));
        CHECK(!can_lock(dir.path, Mode::exclusive));
    }
    {
        const DirectoryLock writer(dir.path, Mode::exclusive, no_patience());
        CHECK(!can_lock(dir.path, Mode::shared));
        CHECK(!can_lock(dir.path, Mode::exclusive));
    }
    CHECK(can_lock(dir.path, Mode::exclusive));
}

TEST_CASE("a process that waits in vain learns the pid and the command line of the holder") {
    const TemporaryDirectory dir;
    const DirectoryLock writer(dir.path, Mode::exclusive, no_patience());
    try {
        const DirectoryLock second(dir.path, Mode::exclusive, LockPatience(20ms));
        FAIL("two writers at once");
    } catch (const Error& error) {
        std::ifstream file("/proc/self/cmdline");
        std::string command;
        std::getline(file, command, '\0');
        const std::string said = error.what();
        CHECK(said.starts_with(dir.path + " is locked by pid " + std::to_string(getpid()) + " (" +
                               command));
        CHECK(said.ends_with(")"));
    }
}

TEST_CASE("a directory that is gone cannot be locked") {
    try {
        const DirectoryLock lock("/tmp/dynmon-no-such-directory", Mode::exclusive, no_patience());
        FAIL("locked nothing");
    } catch (const Error& error) {
        CHECK(error.error_number() == ENOENT);
    }
}

TEST_CASE("a waiting process gets a lock that another one takes again and again") {
    const TemporaryDirectory dir;
    std::atomic<bool> done = false;
    std::thread other([&] {
        while (!done) {
            {
                const DirectoryLock lock(dir.path, Mode::exclusive, LockPatience(5s));
                std::this_thread::sleep_for(60ms);
            }
            std::this_thread::sleep_for(5ms); // as long as a program takes to start
        }
    });
    CHECK_NOTHROW(DirectoryLock(dir.path, Mode::exclusive, LockPatience(3s)));
    done = true;
    other.join();
}

TEST_CASE("a patience is for all locks together, until it is renewed") {
    const TemporaryDirectory dir;
    const DirectoryLock writer(dir.path, Mode::exclusive, no_patience());
    const LockPatience patience(20ms);
    const LockPatience copy = patience;
    CHECK_THROWS_AS(DirectoryLock(dir.path, Mode::exclusive, patience), LockHeld);
    CHECK(copy.left() == 0ns);
    patience.renew();
    CHECK(copy.left() == 20ms);
}
