// SPDX-License-Identifier: BSD-2-Clause
// What NumPy makes of a file is tested where NumPy is; here is the form that the header must have.
#include <cstring>

#include "format/metrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

struct Array {
    unsigned version;
    std::string header;
    std::string data;
};

Array split(const std::string& file) {
    REQUIRE(file.starts_with("\x93NUMPY"));
    const unsigned version = static_cast<unsigned char>(file[6]);
    CHECK(file[7] == '\0');
    std::uint32_t length = 0;
    const std::size_t bytes = version == 1 ? 2 : 4;
    std::memcpy(&length, file.data() + 8, bytes);
    const std::size_t data = 8 + bytes + length;
    REQUIRE(data <= file.size());
    CHECK(data % 64 == 0);
    CHECK(file[data - 1] == '\n');
    return {version, file.substr(8 + bytes, length), file.substr(data)};
}

} // namespace

TEST_CASE("npy: the header says which fields and how many records, the rest is their bytes") {
    const Metrics m;
    const std::vector<std::uint32_t> indices = {0, 1};
    const std::vector<std::uint64_t> four = {1, 2, 30, 40};
    MetricView view = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    view.merge = Merge::none;
    const Array array = split(render({.format = Format::npy}, {{view, {batch(indices, four, 2)}}}));
    CHECK(array.version == 1);
    CHECK(array.header.starts_with(
        "{\"descr\": [(\"key\", \"<u4\"), (\"cpu\", \"<u4\"), (\"value\", \"<u8\"), ], "
        "\"fortran_order\": False, \"shape\": (4,), }"));
    REQUIRE(array.data.size() == 4 * 16);
    std::uint64_t last = 0;
    std::memcpy(&last, array.data.data() + 3 * 16 + 8, 8);
    CHECK(last == 40);
}

TEST_CASE("npy: a header that two bytes cannot measure takes version 2") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_QUEUE);
    const int point = m.types.group("p", 2, {{"a_rather_long_name", m.types.u8, 0}});
    view.value = m.types.layout(m.types.array(point, 2000), 4000);
    const std::vector<char> value(4000, 1);
    const Array array =
        split(render({.format = Format::npy}, {{view, {{1, nullptr, raw(value[0]), 0, 4000}}}}));
    CHECK(array.version == 2);
    CHECK(array.header.find("(\"value[1999].a_rather_long_name\", \"|u1\")") != std::string::npos);
    CHECK(array.data.size() == 2000);
}

TEST_CASE("npy: several metrics do not fit, and the error comes before anything is read") {
    Sink sink(-1);
    CHECK(fault([&] { make_exporter({.format = Format::npy, .metric_count = 2}, sink); }) ==
          "npy is one array, and these are 2 metrics (name one metric and one --direction, or use "
          "--format npz)");
}
