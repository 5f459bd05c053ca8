// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>

#include <doctest/doctest.h>

#include "kernel/prog_array.hpp"

using namespace dynmon;

TEST_CASE("a program that a chain refuses: what differs, as far as it is known") {
    const auto text = [](bpf_prog_type type, const ArrayOwner& owner, bool attach_types) {
        const Error error = array_refusal("x", type, owner, attach_types);
        CHECK(error.kind() == ErrorKind::unsupported);
        CHECK(error.error_number() == EINVAL);
        CHECK_FALSE(error.hint().empty());
        return std::string(error.what());
    };
    CHECK(text(BPF_PROG_TYPE_SCHED_CLS, {.type = BPF_PROG_TYPE_XDP, .jited = true}, true) ==
          "put 'x' into the chain: it is of type sched_cls, and the programs of the chain are of "
          "type xdp: invalid argument (EINVAL)");
    CHECK(text(BPF_PROG_TYPE_XDP, {.type = BPF_PROG_TYPE_XDP, .jited = true}, false)
              .find("attach type") == std::string::npos);
    CHECK(text(BPF_PROG_TYPE_XDP, {.type = BPF_PROG_TYPE_XDP, .jited = true}, true)
              .find("expected attach type") != std::string::npos);
    CHECK(text(BPF_PROG_TYPE_XDP, {}, false).find("JIT and XDP frags") != std::string::npos);
}
