#include <cerrno>

#include <doctest/doctest.h>

#include "base/error.hpp"

using namespace dynmon;

TEST_CASE("an error shows the chain of steps from the outside in and the errno by name") {
    Error error(ErrorKind::failed, "create", EPERM);
    error.during("map 'sessions'").during("load probe 'ddos'");
    CHECK(std::string(error.what()) == "load probe 'ddos': map 'sessions': create: EPERM");
    CHECK(error.error_number() == EPERM);
}

TEST_CASE("the kernel-internal errno 524 has a name") {
    CHECK(errno_name(524) == "ENOTSUPP");
    CHECK(errno_name(99999) == "errno 99999");
}

TEST_CASE("during() adds its step and lets the error pass") {
    try {
        during("read 'flows'", []() -> int { throw Error(ErrorKind::busy, "locked"); });
        FAIL("no error left during()");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::busy);
        CHECK(std::string(error.what()) == "read 'flows': locked");
    }
}
