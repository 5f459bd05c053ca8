// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>

#include "decode/merge_rule.hpp"
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

using Rules = std::map<std::string, Merge>;

// The value that several became, by the layout that it has then.
class Merged {
public:
    Merged(const MergePlan& plan, const std::byte* copies, std::size_t cpus, std::size_t stride)
        : layout_(plan.layout()), bytes_(layout_.size, std::byte{0xee}) {
        plan.merge(copies, cpus, stride, bytes_.data());
    }
    // A number; for bytes and texts use text().
    long long operator[](const std::string& path) const {
        const std::string shown = text(path);
        return shown == "true" ? 1 : shown == "false" ? 0 : std::stoll(shown);
    }
    std::string text(const std::string& path = "") const {
        const auto field = find_field(layout_, path);
        REQUIRE_MESSAGE(field, path);
        std::string shown;
        append_scalar(*field, Style::raw, bytes_.data(), shown);
        return shown;
    }
    std::string json() const { return test::json(layout_, bytes_); }
    const Layout& layout() const { return layout_; }

private:
    Layout layout_;
    std::vector<std::byte> bytes_;
};

template <typename T>
Merged merged(const Layout& layout, Merge preset, const Rules& rules, const std::vector<T>& cpus) {
    return {MergePlan(layout, preset, rules), raw(cpus.front()), cpus.size(), sizeof(T)};
}

struct Flow {
    std::uint64_t first, last, packets;
    std::uint32_t bytes;
    std::uint8_t flags, proto, up, pad;
    std::int64_t balance;
};

int flow_type(Types& t) {
    const int time = t.alias("dynmon_time_ns_t", t.u64);
    return t.group("flow", sizeof(Flow),
                   {{"first", time, 0},
                    {"last", time, 64},
                    {"packets", t.u64, 128},
                    {"bytes", t.u32, 192},
                    {"flags", t.alias("dynmon_tcp_flags_t", t.u8), 224},
                    {"proto", t.alias("dynmon_proto_t", t.u8), 232},
                    {"up", t.b8, 240},
                    {"balance", t.s64, 256}});
}

} // namespace

TEST_CASE("what follows is all of one CPU: that with the smallest value of what leads") {
    Types t;
    const Layout layout = t.layout(flow_type(t), sizeof(Flow));
    const Rules rules = {{"value.proto", Merge::leads},
                         {"value.first", Merge::follows},
                         {"value.bytes", Merge::follows},
                         {"value.balance", Merge::follows}};
    const std::vector<Flow> cpus = {{7, 0, 1, 8, 0, 0, 0, 0, 1}, // does not lead: 0
                                    {100, 300, 5, 9, 0, 17, 0, 0, -7},
                                    {0, 250, 7, 0, 0, 6, 0, 0, 3},
                                    {300, 1, 0, 5, 0, 6, 0, 0, 4}}; // as small, and later
    const Merged sum = merged(layout, Merge::sum, rules, cpus);
    CHECK(sum["proto"] == 6);
    CHECK(sum["first"] == 0); // also a value of 0
    CHECK(sum["bytes"] == 0);
    CHECK(sum["balance"] == 3);
    CHECK(sum["packets"] == 13);
    CHECK(sum["last"] == 300);
    const Merged none =
        merged(layout, Merge::sum, rules, std::vector<Flow>{{7, 0, 1, 8, 0, 0, 0, 0, 1}});
    CHECK(none["proto"] == 0);
    CHECK(none["first"] == 7);
}

TEST_CASE("a signed field leads by its sign, and structs, arrays and bitfields follow") {
    Types t;
    struct Value {
        std::int32_t rank;
        std::uint16_t list[2];
        std::uint8_t low : 3, high : 5;
        std::uint8_t in[3];
    };
    const int in = t.group("in", 3, {{"a", t.u8, 0}, {"b", t.array(t.u8, 2), 8}});
    const Layout layout = t.layout(t.group("v", sizeof(Value),
                                           {{"rank", t.s32, 0},
                                            {"list", t.array(t.u16, 2), 32},
                                            {"low", t.u8, 64, 3},
                                            {"high", t.u8, 67, 5},
                                            {"in", in, 72}}),
                                   sizeof(Value));
    const std::vector<Value> cpus = {{1, {1, 2}, 1, 9, {1, 2, 3}}, {-5, {3, 0}, 6, 17, {0, 5, 0}}};
    const Merged value = merged(layout, Merge::sum,
                                {{"value.rank", Merge::leads},
                                 {"value.list", Merge::follows},
                                 {"value.high", Merge::follows},
                                 {"value.in", Merge::follows}},
                                cpus);
    CHECK(value["rank"] == -5);
    CHECK(value["list[0]"] == 3);
    CHECK(value["list[1]"] == 0);
    CHECK(value["low"] == 7);
    CHECK(value["high"] == 17);
    CHECK(value.json().find(R"("in":{"a":0,"b":"0500"})") != std::string::npos);
}

TEST_CASE("what cannot lead or has no follower is refused") {
    Types t;
    const int type = t.group("v", 24,
                             {{"list", t.array(t.u32, 2), 0},
                              {"mac", t.alias("dynmon_mac_t", t.array(t.u8, 6)), 64},
                              {"n", t.u8, 112},
                              {"m", t.u8, 120},
                              {"real", btf__add_float(t.edit(), "double", 8), 128}});
    const Layout layout = t.layout(type, 24);
    const auto refused = [&](const Rules& rules) {
        return fault([&] { MergePlan(layout, Merge::sum, rules); });
    };
    CHECK(refused({{"value.n", Merge::follows}}).starts_with("merge of 'value.n': no field leads"));
    CHECK(refused({{"value.m", Merge::leads}, {"value.n", Merge::leads}}) ==
          "merge of 'value.m': another field leads already");
    CHECK(refused({{"value.list", Merge::leads}}) ==
          "merge of 'value.list': only a single number can lead");
    CHECK(refused({{"value", Merge::leads}}) == "merge of 'value': only a single number can lead");
    CHECK(refused({{"value.mac", Merge::leads}}).starts_with("merge of 'value.mac': "));
    CHECK(refused({{"value.real", Merge::leads}}).starts_with("merge of 'value.real': "));
}

TEST_CASE("counters are added, the rest is merged as its meaning asks") {
    Types t;
    const Layout layout = t.layout(flow_type(t), sizeof(Flow));
    const std::vector<Flow> cpus = {{0, 0, 0, 0, 0, 0, 0, 9, 0},
                                    {100, 300, 5, UINT32_MAX, 0x02, 6, 0, 9, -7},
                                    {200, 250, 7, 2, 0x10, 6, 1, 9, 3}};
    const Merged sum = merged(layout, Merge::sum, {{"value.first", Merge::min}}, cpus);
    CHECK(sum["first"] == 100);
    CHECK(sum["last"] == 300);
    CHECK(sum["packets"] == 12);
    CHECK(sum["bytes"] == UINT32_MAX + 2ll); // more than a counter has
    CHECK(sum["flags"] == 0x12);
    CHECK(sum["proto"] == 6);
    CHECK(sum["up"] == 1);
    CHECK(sum["balance"] == -4);
}

TEST_CASE("presets compare, take the first or the last that is set, and or") {
    Types t;
    const Layout layout = t.layout(flow_type(t), sizeof(Flow));
    const std::vector<Flow> cpus = {{100, 300, 5, 3, 0x02, 6, 0, 0, -7},
                                    {200, 250, 7, 4, 0x10, 6, 1, 0, 3},
                                    {0, 0, 0, 0, 0, 0, 0, 0, 0}};
    const Merged max = merged(layout, Merge::max, {}, cpus);
    CHECK(max["packets"] == 7);
    CHECK(max["balance"] == 3);
    const Merged min = merged(layout, Merge::min, {}, cpus);
    CHECK(min["packets"] == 5);
    CHECK(min["balance"] == -7);
    CHECK(min["first"] == 100);
    const Merged last = merged(layout, Merge::last, {}, cpus);
    CHECK(last["packets"] == 7);
    CHECK(last["first"] == 200);
    const std::vector<Flow> reversed(cpus.rbegin(), cpus.rend());
    const Merged first = merged(layout, Merge::first, {}, reversed);
    CHECK(first["packets"] == 7);
    CHECK(first["first"] == 200);
    CHECK(first["flags"] == 0x10);
    const Merged one = merged(layout, Merge::sum, {{"value.packets", Merge::first}}, reversed);
    CHECK(one["packets"] == 7);
    CHECK(one["bytes"] == 7);
    const Merged bits = merged(layout, Merge::sum, {{"value.bytes", Merge::bit_or}}, cpus);
    CHECK(bits["bytes"] == 7);
}

TEST_CASE("one CPU merges to itself") {
    Types t;
    const Layout layout = t.layout(flow_type(t), sizeof(Flow));
    const Flow one{1, 2, 3, 4, 5, 6, 1, 0, -9};
    for (const Merge preset :
         {Merge::sum, Merge::max, Merge::min, Merge::first, Merge::last, Merge::bit_or}) {
        CHECK(merged<Flow>(layout, preset, {}, {one}).json() == json(layout, raw(one)));
    }
}

TEST_CASE("arrays, nested structs and rules for all of a struct") {
    Types t;
    struct Value {
        std::uint32_t list[3];
        struct {
            std::uint16_t a, b;
        } pair[2];
    };
    const int pair = t.group("pair", 4, {{"a", t.u16, 0}, {"b", t.u16, 16}});
    const int type =
        t.group("v", 20, {{"list", t.array(t.u32, 3), 0}, {"pair", t.array(pair, 2), 96}});
    const Layout layout = t.layout(type, 20);
    const std::vector<Value> cpus = {{{1, 2, 3}, {{1, 10}, {2, 20}}},
                                     {{10, 20, 30}, {{5, 6}, {7, 8}}}};
    const Merged sum = merged(layout, Merge::sum, {{"value.pair[].b", Merge::max}}, cpus);
    CHECK(sum["list[2]"] == 33);
    CHECK(sum["pair[1].a"] == 9);
    CHECK(sum["pair[1].b"] == 20);
    const Merged max = merged(layout, Merge::sum, {{"value.pair", Merge::max}}, cpus);
    CHECK(max["pair[0].a"] == 5);
    CHECK(max["pair[0].b"] == 10);
    CHECK(max["list[0]"] == 11);
}

TEST_CASE("bitfields are merged without touching their neighbours") {
    Types t;
    const int type =
        t.group("bits", 4, {{"a", t.u32, 0, 5}, {"b", t.s32, 5, 6}, {"c", t.u32, 11, 21}});
    const Layout layout = t.layout(type, 4);
    const auto pack = [](unsigned a, int b, unsigned c) {
        return a | (static_cast<unsigned>(b) & 63) << 5 | c << 11;
    };
    CHECK(merged<std::uint32_t>(layout, Merge::sum, {{"value.b", Merge::min}},
                                {pack(3, -4, 70000), pack(30, 9, 5)})
              .json() == R"({"a":33,"b":-4,"c":70005})");
    CHECK(merged<std::uint32_t>(layout, Merge::max, {}, {pack(3, -4, 70000), pack(30, 9, 5)})
              .json() == R"({"a":30,"b":9,"c":70000})");
}

TEST_CASE("addresses and enums are taken from a CPU that has seen them") {
    Types t;
    struct Value {
        std::uint32_t addr;
        std::uint32_t color;
        std::uint32_t arms;
    };
    const int color = btf__add_enum(t.edit(), "color", 4);
    btf__add_enum_value(t.edit(), "RED", 1);
    const int ipv4 = t.alias("dynmon_ipv4_t", t.u32);
    const int arms = t.one_of("arms", 4, {{"saddr", ipv4, 0}, {"color", color, 0}});
    const Layout layout = t.layout(
        t.group("v", 12, {{"addr", ipv4, 0}, {"color", color, 32}, {"arms", arms, 64}}), 12);
    const std::vector<Value> cpus = {{0, 0, 0}, {7, 1, 3}, {9, 2, 4}};
    CHECK(merged(layout, Merge::sum, {}, cpus).json() ==
          R"({"addr":"7.0.0.0","color":"RED","arms":{"saddr":"3.0.0.0","color":3}})");
}

TEST_CASE("bytes, texts and unions of different arms need a rule: no CPU is shown in silence") {
    Types t;
    struct Value {
        char name[4];
        std::uint8_t raw[4];
        std::uint32_t arms;
        std::uint32_t packets;
    };
    const int arms = t.one_of("arms", 4, {{"whole", t.u32, 0}, {"half", t.u16, 0}});
    const Layout layout = t.layout(t.group("v", 16,
                                           {{"name", t.array(t.c8, 4), 0},
                                            {"raw", t.array(t.u8, 4), 32},
                                            {"arms", arms, 64},
                                            {"packets", t.u32, 96}}),
                                   16);
    const std::vector<Value> cpus = {
        {"", {0}, 0, 1}, {"lo", {1, 2}, 3, 2}, {"eth", {3}, 4, 0xffffffff}};
    const auto refused = [&](const Rules& rules, Merge preset = Merge::sum) {
        return fault([&] { MergePlan(layout, preset, rules); });
    };
    CHECK(refused({}) == "merge 'sum' does not fit 'value.name': bytes are neither added up nor "
                         "compared (give the field a rule of its own (first, last), or list the "
                         "CPUs with none)");
    CHECK(refused({{"value.name", Merge::first}})
              .starts_with("merge 'sum' does not fit 'value.raw'"));
    const Rules bytes{{"value.name", Merge::first}, {"value.raw", Merge::last}};
    CHECK(
        refused(bytes).starts_with("merge 'sum' does not fit 'value.arms': the arms of a union "));
    CHECK(refused({}, Merge::max).starts_with("merge 'max' does not fit 'value.name'"));
    CHECK(refused({}, Merge::first).empty());
    CHECK(default_merge(layout, {}) == Merge::none);
    const Rules all = with_rules_for_bytes(layout, bytes);
    CHECK(all.size() == 4);
    CHECK(merged(layout, Merge::sum, all, cpus).json() ==
          R"({"name":"lo","raw":"03000000","arms":{"whole":3,"half":3},"packets":4294967298})");
    CHECK(merged(layout, Merge::last, {}, cpus).json() ==
          R"({"name":"eth","raw":"03000000","arms":{"whole":4,"half":4},"packets":4294967295})");
    Rules sum = bytes;
    sum["value.arms.whole"] = Merge::sum;
    CHECK(default_merge(layout, sum) == Merge::sum);
    CHECK(merged(layout, Merge::sum, sum, cpus)["arms.whole"] == 7);
    CHECK(default_merge(untyped_layout(12), {}) == Merge::none);
    CHECK(default_merge(untyped_layout(8), {}) == Merge::sum);
}

TEST_CASE("a sum is as wide as it must be on any number of CPUs") {
    Types t;
    struct Value {
        std::uint64_t most;
        std::int64_t least;
        std::uint32_t word;
        std::uint8_t list[2];
        std::int16_t less;
        bool operator==(const Value&) const = default;
    };
    const int pair = t.group("pair", 1, {{"n", t.u8, 0}});
    const Layout layout = t.layout(t.group("v", 24,
                                           {{"most", t.u64, 0},
                                            {"least", t.s64, 64},
                                            {"word", t.u32, 128},
                                            {"list", t.array(pair, 2), 160},
                                            {"less", t.s16, 176}}),
                                   24);
    const std::vector<Value> cpus(3, {UINT64_MAX, INT64_MIN, 4'000'000'000, {255, 1}, INT16_MIN});
    const Merged sum = merged(layout, Merge::sum, {}, cpus);
    CHECK(sum.json() == R"({"most":55340232221128654845,"least":-27670116110564327424,)"
                        R"("word":12000000000,"list":[{"n":765},{"n":3}],"less":-98304})");
    // Readers that know doubles only get a number where the sum of any number of CPUs is exact.
    std::string text;
    JsonPlan(sum.layout(), Style::decoded, {}, {}, true).append(raw(cpus[0]), text);
    CHECK(text.find(R"("word":)") != std::string::npos);
    CHECK(text.find(R"("most":")") != std::string::npos);
    CHECK(text.find(R"("word":")") == std::string::npos);
}

TEST_CASE("what stands for something else than an amount has no sum") {
    Types t;
    const int type = t.group("v", 8,
                             {{"proto", t.alias("dynmon_proto_t", t.u8), 0},
                              {"up", t.b8, 8},
                              {"at", t.alias("dynmon_time_s_t", t.u32), 32}});
    const Layout layout = t.layout(type, 8);
    for (const char* path : {"value.proto", "value.up", "value.at"})
        CHECK(fault([&] {
                  MergePlan(layout, Merge::sum, {{path, Merge::sum}});
              }).starts_with(std::string("merge of '") + path + "': "));
}

TEST_CASE("arms of a union that are two names for one count are added up") {
    Types t;
    struct Value {
        std::uint64_t packets, bytes, mixed;
    };
    // As the records of xdp-tools have them.
    const int packets = t.one_of("", 8, {{"packets", t.u64, 0}, {"rx_packets", t.u64, 0}});
    const int pair = t.group("pair", 8, {{"low", t.u32, 0}, {"high", t.u32, 32}});
    const int twin = t.group("twin", 8, {{"first", t.u32, 0}, {"second", t.u32, 32}});
    const int bytes = t.one_of("", 8, {{"bytes", pair, 0}, {"rx_bytes", twin, 0}});
    const int mixed = t.one_of("", 8, {{"count", t.u64, 0}, {"change", t.s64, 0}});
    const Layout layout = t.layout(
        t.group("v", 24, {{nullptr, packets, 0}, {nullptr, bytes, 64}, {nullptr, mixed, 128}}), 24);
    const std::uint64_t high = std::uint64_t{1} << 32;
    const std::vector<Value> cpus = {{0, 3, 5}, {5, 4 + high, 6}, {7, high, 7}};
    const Rules of_mixed{{"value.count", Merge::first}};
    CHECK(merged(layout, Merge::sum, of_mixed, cpus).json() ==
          R"({"packets":12,"rx_packets":12,"bytes":{"low":7,"high":2},)"
          R"("rx_bytes":{"first":7,"second":2},"count":5,"change":5})");
    CHECK(merged(layout, Merge::max, of_mixed, cpus).json() ==
          R"({"packets":7,"rx_packets":7,"bytes":{"low":4,"high":1},)"
          R"("rx_bytes":{"first":4,"second":1},"count":5,"change":5})");
    for (const char* name : {"value.rx_packets", "value.packets"}) {
        const Merged most =
            merged(layout, Merge::sum, {{name, Merge::max}, {"value.count", Merge::first}}, cpus);
        CHECK(most["packets"] == 7);
        CHECK(most["rx_packets"] == 7);
    }
}

TEST_CASE("reals, big-endian numbers and 128 bits are merged by what they stand for") {
    Types t;
    const Layout f32 = t.layout(btf__add_float(t.edit(), "float", 4), 4);
    CHECK(merged<float>(f32, Merge::sum, {}, {0.5f, 1.25f}).text() == "1.75");
    CHECK(merged<float>(f32, Merge::min, {}, {0.0f, 1.25f}).text() == "1.25");
    const Layout be16 = t.layout(t.alias("__be16", t.u16), 2);
    CHECK(
        merged<std::uint16_t>(be16, Merge::sum, {{"value", Merge::max}}, {0x0100, 0x0002}).json() ==
        "512"); // of 1 and 512
    CHECK(
        merged<std::uint16_t>(be16, Merge::sum, {{"value", Merge::sum}}, {0xff00, 0x0100}).json() ==
        "256"); // 255 + 1
    using wide = unsigned __int128;
    const Layout u128 = t.layout(t.integer("unsigned __int128", 16), 16);
    CHECK(merged<wide>(u128, Merge::sum, {}, {~wide{0} >> 1, wide{1}}).text() ==
          "170141183460469231731687303715884105728");
}

TEST_CASE("a merge that makes no sense is refused by the field's name") {
    Types t;
    const Layout layout =
        t.layout(t.group("v", 12, {{"name", t.array(t.c8, 4), 0}, {"packets", t.u64, 32}}), 12);
    const auto refused = [&](const Rules& rules) {
        return fault([&] { MergePlan(layout, Merge::first, rules); });
    };
    CHECK(refused({{"value.name", Merge::sum}}).find("merge of 'value.name': ") == 0);
    CHECK(refused({{"value.name", Merge::last}}).empty());
    CHECK(refused({{"value.packet", Merge::sum}}) ==
          "merge of 'value.packet': no such field (did you mean 'value.packets'?)");
    CHECK(refused({{"value.packets", Merge::none}}) ==
          "merge of 'value.packets': merge 'none' keeps the CPUs apart: there is nothing to merge");
}
