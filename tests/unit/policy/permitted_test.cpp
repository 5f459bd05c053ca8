// SPDX-License-Identifier: BSD-2-Clause
#include <string>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/test_objects.hpp"
#include "policy/helpers.hpp"

using namespace dynmon;

namespace {

std::string refusal(const std::string& name) {
    try {
        require_permitted(test::parse_object(name));
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::rejected);
        CHECK_FALSE(error.hint().empty());
        return error.what();
    }
}

} // namespace

// PROMISES:
// P-3 run as anything but
TEST_CASE("an object that asks for more than a network monitor needs is refused by name") {
    CHECK(refusal("sample").empty());
    CHECK(refusal("two_xdp").empty());
    CHECK(refusal("kprobe") == "kprobe.bpf.o: program 'on_kprobe' (section 'kprobe/do_nothing') is "
                               "for no hook of a network device");
    CHECK(refusal("sections").starts_with("sections.bpf.o: program 'on_"));
    CHECK(refusal("asks_lsm") == "asks_lsm.bpf.o: program 'on_open' (section 'lsm/file_open') is "
                                 "for no hook of a network device");
    CHECK(refusal("asks_syscall") == "asks_syscall.bpf.o: program 'on_syscall' (section 'syscall') "
                                     "is for no hook of a network device");
    CHECK(refusal("asks_struct_ops") ==
          "asks_struct_ops.bpf.o: program 'on_ssthresh' (section 'struct_ops/ssthresh') is for no "
          "hook of a network device");
    CHECK(refusal("asks_kconfig") ==
          "asks_kconfig.bpf.o: it asks for the kernel's configuration ('CONFIG_HZ')");
    CHECK(refusal("asks_write_user") == "asks_write_user.bpf.o: section '.text' calls "
                                        "bpf_probe_write_user, which acts on other processes");
}

// PROMISES:
// P-4 tail-call anything but the next probe
TEST_CASE("an object that puts a program into the chain while libbpf loads it is refused") {
    CHECK(refusal("fills_chain") ==
          "fills_chain.bpf.o: a map is to be filled with 'on_tc', which is no map");
}
