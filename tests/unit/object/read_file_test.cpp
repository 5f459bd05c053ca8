// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>
#include <fstream>
#include <string>

#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

std::string fault(const std::filesystem::path& path, std::size_t limit = 1000) {
    try {
        read_file(path.string(), limit);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
}

void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

} // namespace

TEST_CASE("a regular file is read as it is, up to the limit and not beyond") {
    const test::TemporaryFolder folder;
    write(folder / "file", std::string("a\0b", 3));
    CHECK(read_file((folder / "file").string(), 3).size() == 3);
    CHECK(read_file((folder / "file").string(), 3)[2] == std::byte{'b'});
    write(folder / "empty", "");
    CHECK(read_file((folder / "empty").string(), 3).empty());
    write(folder / "large", "abcd");
    CHECK(fault(folder / "large", 3).ends_with("large has 4 bytes; at most 3 are read"));
}

TEST_CASE("a sparse file of 8 GiB is refused without being read") {
    const test::TemporaryFolder folder;
    write(folder / "sparse", "");
    std::filesystem::resize_file(folder / "sparse", 8ull << 30);
    CHECK(fault(folder / "sparse").ends_with("has 8589934592 bytes; at most 1000 are read"));
}

TEST_CASE("a file of the kernel that gives no size is read to its end") {
    CHECK_FALSE(read_file("/proc/self/status", 1u << 20).empty());
    CHECK(fault("/proc/self/maps", 10).ends_with("has more than 10 bytes; at most 10 are read"));
}

TEST_CASE("what is no regular file is refused by name, and at once") {
    const test::TemporaryFolder folder;
    CHECK(fault(folder.path()).ends_with("is a directory, not a file"));
    CHECK(fault("/dev/zero") == "/dev/zero is a device, not a file");
    CHECK(fault(folder / "none") ==
          "open " + (folder / "none").string() + ": no such file or directory (ENOENT)");
    CHECK(fault(std::string("a\0b", 3)) == "a path cannot hold a NUL byte");

    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(fault(folder / "fifo").ends_with("is a FIFO, not a file"));

    write(folder / "file", "x");
    std::filesystem::create_symlink(folder / "file", folder / "link");
    CHECK(fault(folder / "link").ends_with("link is a symbolic link"));

    const Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(fault(folder / "socket").ends_with("is a socket, not a file"));
}
