#include "decode/record_plan.hpp"
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

// "name type(shape)", one after the other.
std::string fields(const RecordPlan& plan) {
    std::string text;
    for (const RecordPlan::Field& field : plan.fields()) {
        text += (text.empty() ? "" : ", ") + field.name + ' ' + field.type;
        for (std::size_t i = 0; i < field.shape.size(); ++i)
            text += (i == 0 ? "(" : ",") + std::to_string(field.shape[i]);
        text += field.shape.empty() ? "" : ")";
    }
    return text;
}

std::vector<unsigned> record(const RecordPlan& plan, const std::vector<std::byte>& value) {
    std::string out(plan.size() + 1, '\x55');
    char* const end = plan.put(value.data(), out.data());
    CHECK(end == out.data() + plan.size());
    CHECK(out.back() == '\x55');
    std::vector<unsigned> result;
    for (std::size_t i = 0; i < plan.size(); ++i)
        result.push_back(static_cast<unsigned char>(out[i]));
    return result;
}

} // namespace

TEST_CASE("a record has the leaves without the padding, in the host's order") {
    Types types;
    const Layout layout =
        types.layout(types.group("v", 12,
                                 {{"a", types.u8, 0},
                                  {"port", types.alias("dynmon_port_t", types.u16), 16},
                                  {"order", types.alias("__be32", types.u32), 32},
                                  {"flag", types.b8, 64},
                                  {"b", types.s16, 80}}),
                     12);
    const RecordPlan plan(layout, "value");
    CHECK(fields(plan) == "value.a |u1, value.port <u2, value.order <u4, value.flag |b1, "
                          "value.b <i2");
    CHECK(record(plan, bytes({1, 99, 0x12, 0x34, 1, 2, 3, 4, 2, 99, 0xfe, 0xff})) ==
          std::vector<unsigned>{1, 0x34, 0x12, 4, 3, 2, 1, 1, 0xfe, 0xff});
}

TEST_CASE("bitfields widen to the next integer and keep their sign") {
    Types types;
    const Layout layout = types.layout(
        types.group(
            "v", 4,
            {{"low", types.u32, 0, 3}, {"mid", types.s32, 3, 11}, {"high", types.u32, 14, 18}}),
        4);
    const RecordPlan plan(layout, "value");
    CHECK(fields(plan) == "value.low |u1, value.mid <i2, value.high <u4");
    // low 5, mid -2, high 0x20001
    const std::uint32_t word = 5u | (0x7feu << 3) | (0x20001u << 14);
    CHECK(record(plan, bytes({word & 255, word >> 8 & 255, word >> 16 & 255, word >> 24})) ==
          std::vector<unsigned>{5, 0xfe, 0xff, 1, 0, 2, 0});
}

TEST_CASE("an array of single values is one field, an array of structs many") {
    Types types;
    const int point = types.group("point", 4, {{"x", types.s16, 0}, {"y", types.u8, 16}});
    const Layout layout =
        types.layout(types.group("v", 24,
                                 {{"grid", types.array(types.array(types.u16, 3), 2), 0},
                                  {"points", types.array(point, 2), 96},
                                  {"name", types.array(types.c8, 4), 160}}),
                     24);
    const RecordPlan plan(layout, "value");
    CHECK(fields(plan) == "value.grid <u2(2,3), value.points[0].x <i2, value.points[0].y |u1, "
                          "value.points[1].x <i2, value.points[1].y |u1, value.name |S4");
    std::vector<std::byte> value(24);
    for (std::size_t i = 0; i < value.size(); ++i)
        value[i] = static_cast<std::byte>(i);
    CHECK(record(plan, value) == std::vector<unsigned>{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                       11, 12, 13, 14, 16, 17, 18, 20, 21, 22, 23});
}

TEST_CASE("single values, bytes and 128 bits") {
    Types types;
    CHECK(fields(RecordPlan(types.layout(types.u64, 8), "value")) == "value <u8");
    CHECK(fields(RecordPlan(untyped_layout(3), "key")) == "key |u1(3)");
    const int wide = types.integer("__int128", 16, BTF_INT_SIGNED);
    CHECK(fields(RecordPlan(types.layout(wide, 16), "value")) == "value |u1(16)");
    const int addresses = types.array(types.alias("dynmon_ipv4_t", types.u32), 2);
    CHECK(fields(RecordPlan(types.layout(addresses, 8), "key")) == "key |u1(2,4)");
}
