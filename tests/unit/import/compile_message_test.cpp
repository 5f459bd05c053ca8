// SPDX-License-Identifier: BSD-2-Clause
#include <string>

#include <doctest/doctest.h>

#include "dynmon/error.hpp"
#include "import/compile_message.hpp"

namespace dynmon {

namespace {

const CompileMessage sample{.kind = "probe",
                            .fields = {{"probe.yaml", "name: a\n"},
                                       {"document.bpf.o", std::string("\x7f\0ELF\n", 6)},
                                       {"README.md", ""}}};

std::string fault_of(const std::string& bytes) {
    try {
        parse_compile_message(bytes);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("a message to the compile helper is read back as it was") {
    const CompileMessage read = parse_compile_message(to_bytes(sample));
    CHECK(read.kind == "probe");
    CHECK(read.fields == sample.fields);
    CHECK(read.field("document.bpf.o").size() == 6);
    CHECK(read.field("none").empty());
    CHECK(to_bytes({.kind = "document", .fields = {{"document", "{}"}}}) ==
          "dynmon-compile 1 document 1\ndocument 2\n{}");
}

TEST_CASE("a message to the compile helper that is cut off anywhere is none") {
    const std::string bytes = to_bytes(sample);
    for (std::size_t length = 0; length < bytes.size(); ++length)
        CHECK(fault_of(bytes.substr(0, length)) != "");
    CHECK(fault_of(bytes).empty());
    CHECK(fault_of(bytes + "x") != "");
}

TEST_CASE("a message to the compile helper has a version, plain names and sizes that fit") {
    const auto one = [](const std::string& name, const std::string& size) {
        return "dynmon-compile 1 probe 1\n" + name + " " + size + "\nx";
    };
    CHECK(fault_of(one("a", "1")).empty());
    for (const char* name : {"", "../a", "/etc/passwd", "a/b", ".", "..", ".a", "a\tb",
                             "a-name-that-is-longer-than-a-name-may-be"})
        CHECK(fault_of(one(name, "1")) != "");
    for (const char* size : {"", "-1", "+1", "01", "0x1", "1 ", "2", "16777217",
                             "18446744073709551617", "99999999999999999999999999999999999"})
        CHECK(fault_of(one("a", size)) != "");
    for (const char* start :
         {"dynmon-compile 2 probe 0\n", "dynmon-compile 1 probe 9\n", "dynmon-compile 1  0\n",
          "dynmon-compile 1 probe\n", "dynmon-compile 1 probe 2\na 0\na 0\n"})
        CHECK(fault_of(start) != "");
}

} // namespace dynmon
