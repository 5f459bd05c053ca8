// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <linux/bpf.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "object/test_objects.hpp"
#include "sandbox/confine.hpp"
#include "sandbox/restrict.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

// What `body` returns in a process that is confined: an errno, 0 when it went well.
int confined(const Confinement& allowed, const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        confine(allowed);
        _exit(body());
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int result(long returned) {
    return returned < 0 ? errno : 0;
}

int opens(const std::filesystem::path& path, int flags) {
    return result(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

struct Folders {
    TemporaryFolder folder;
    std::filesystem::path out = folder.path() / "out", other = folder.path() / "other";

    Folders() {
        std::filesystem::create_directory(out);
        std::filesystem::create_directory(other);
        std::ofstream(other / "file") << "mine";
    }
    Confinement allowed() const { return {.files = {out.string()}}; }
};

const bool has_paths = !sanitized && landlock_version() >= 2;

} // namespace

TEST_CASE("confined: files are written in the folders that were named, and nowhere else" *
          doctest::skip(!has_paths)) {
    const Folders folders;
    CHECK(confined(folders.allowed(),
                   [&] { return opens(folders.out / "new", O_WRONLY | O_CREAT); }) == 0);
    CHECK(std::filesystem::exists(folders.out / "new"));
    CHECK(confined(folders.allowed(), [&] {
              std::filesystem::create_directory(folders.out / "inner");
              std::filesystem::rename(folders.out / "new", folders.out / "inner" / "moved");
              return 0;
          }) == 0);
    CHECK(std::filesystem::exists(folders.out / "inner" / "moved"));
    const auto refused = [&](const std::function<int()>& body) {
        return confined(folders.allowed(), body) == EACCES;
    };
    CHECK(refused([&] { return opens(folders.other / "new", O_WRONLY | O_CREAT); }));
    CHECK(refused([&] { return opens(folders.other / "file", O_WRONLY); }));
    CHECK(refused([&] { return opens(folders.other / "file", O_RDONLY); }));
    CHECK(refused([&] { return result(::unlink((folders.other / "file").c_str())); }));
    CHECK(refused([&] { return opens("/etc/passwd", O_RDONLY); }));
    CHECK(confined(folders.allowed(), [] { return opens("/proc/self/status", O_RDONLY); }) == 0);
    CHECK(confined({.sends = true}, [] { return opens("/etc/passwd", O_RDONLY); }) == 0);
}

TEST_CASE("confined: without a folder for files nothing is opened to be written" *
          doctest::skip(sanitized)) {
    const Folders folders;
    CHECK(confined({.store = folders.out.string()},
                   [&] { return opens(folders.out / "new", O_WRONLY | O_CREAT); }) == EPERM);
}

TEST_CASE("confined: no programs, processes and sockets, but still threads" *
          doctest::skip(sanitized)) {
    const auto done = [](const std::function<int()>& body) { return confined({}, body); };
    CHECK(done([] { return result(::socket(AF_UNIX, SOCK_STREAM, 0)); }) == EPERM);
    CHECK(done([] { return result(::socket(AF_INET, SOCK_DGRAM, 0)); }) == EPERM);
    CHECK(done([] { return result(::socket(AF_NETLINK, SOCK_RAW, 0)); }) == 0);
    CHECK(confined({.sends = true}, [] { return result(::socket(AF_INET, SOCK_DGRAM, 0)); }) == 0);
    CHECK(confined({.sends = true}, [] { return result(::socket(AF_UNIX, SOCK_DGRAM, 0)); }) ==
          EPERM);
    CHECK(done([] { return result(::fork()); }) == EPERM);
    CHECK(done([] { return result(::execl("/bin/true", "true", nullptr)); }) == EPERM);
    CHECK(done([] { return result(::kill(::getppid(), 0)); }) == EPERM);
    CHECK(done([] { return result(syscall(SYS_bpf, BPF_PROG_LOAD, nullptr, 0)); }) == EPERM);
    CHECK(done([] { return result(syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, nullptr, 0)); }) !=
          EPERM);
    CHECK(done([] {
              int value = 1;
              std::thread([&] { value = 0; }).join();
              return value;
          }) == 0);
}
