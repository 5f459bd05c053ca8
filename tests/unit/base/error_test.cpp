// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "export/flow_record.hpp"
#include "kernel/own_pin.hpp"

using namespace dynmon;

TEST_CASE("an error shows the chain of steps from the outside in and the errno by name") {
    Error error(ErrorKind::failed, "create", EPERM);
    error.during("map 'sessions'").during("load probe 'ddos'");
    CHECK(std::string(error.what()) ==
          "load probe 'ddos': map 'sessions': create: operation not permitted (EPERM)");
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

TEST_CASE("the errno has its words first; where there are none its number is all there is") {
    CHECK(errno_text(ENOENT) == "no such file or directory (ENOENT)");
    CHECK(errno_text(EIO) == "input/output error (EIO)");
    CHECK(errno_text(524) == "operation not supported (ENOTSUPP)");
    CHECK(errno_text(99999) == "errno 99999");
}

TEST_CASE("a subject that stands in the message is not put in front of it once more") {
    Error error(ErrorKind::failed, "update map 'PORTS'", EPERM);
    error.during("map 'PORTS'").during("monitor 'p'").during("monitor 'p'");
    CHECK(error.chain() == std::vector<std::string>{"monitor 'p'", "update map 'PORTS'"});
    Error other(ErrorKind::failed, "open /sys/fs/bpf/x/y", EPERM);
    other.during("/sys/fs/bpf/x"); // another path, which begins alike
    CHECK(other.chain().size() == 2);
}

TEST_CASE("hints stand on a line each") {
    Error error(ErrorKind::failed, "no");
    error.hint("one").hint("run it as root").or_hint("take --hook tc").or_hint("");
    CHECK(error.hints() == std::vector<std::string>{"run it as root", "take --hook tc"});
    CHECK(error.hint() == "run it as root\ntake --hook tc");
}

TEST_CASE("an error that another one is made of keeps its errno, chain and hint") {
    Error cause(ErrorKind::failed, "write window.csv", ENOSPC);
    cause.during("export 'p'").hint("make room");
    const SinkUnavailable away(cause);
    const Damaged damaged("/sys/fs/bpf/dynmon/x", cause);
    CHECK(away.kind() == ErrorKind::failed);
    CHECK(away.error_number() == ENOSPC);
    CHECK(away.chain() == cause.chain());
    CHECK(away.hint() == "make room");
    CHECK(damaged.kind() == ErrorKind::rejected);
    CHECK(damaged.error_number() == ENOSPC);
    CHECK(damaged.chain() == std::vector<std::string>{"/sys/fs/bpf/dynmon/x is damaged",
                                                      "export 'p'", "write window.csv"});
    CHECK(Error(cause).as(ErrorKind::busy).kind() == ErrorKind::busy);
    CHECK(Error(cause).as(ErrorKind::busy).chain() == cause.chain());
}
