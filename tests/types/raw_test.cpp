// SPDX-License-Identifier: BSD-2-Clause
// --raw loses nothing: whatever the bytes, its text gives them back.
#include <random>
#include <set>

#include "corpus.hpp"
#include "decode/decode_plan.hpp"
#include "decode/types.hpp"
#include "reverse.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

using Bytes = std::vector<std::byte>;

std::string raw_text(const JsonPlan& plan, const Bytes& bytes) {
    std::string text;
    plan.append(bytes.data(), text);
    return text;
}

Bytes masked(Bytes bytes, const Bytes& mask) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] &= mask[i];
    return bytes;
}

// Random bytes, or few bits in many zeros, or text: each is where another mistake hides.
Bytes random_bytes(std::size_t size, std::mt19937_64& random) {
    Bytes bytes(size);
    const unsigned kind = random() % 4;
    for (std::byte& byte : bytes) {
        const auto value = static_cast<std::uint8_t>(random());
        if (kind == 0 || random() % 8 == 0)
            byte = std::byte{value};
        else if (kind == 1)
            byte = std::byte{static_cast<std::uint8_t>('0' + value % 75)};
        else if (kind == 2)
            byte = std::byte{0xff};
    }
    return bytes;
}

template <typename Check>
void for_each_layout(const Check& check) {
    for (const std::string& folder : object_folders())
        for (const std::string& corpus : corpus_names()) {
            const Values values(folder + "/" + corpus + ".bpf.o");
            for (const std::string& name : values.names()) {
                CAPTURE(folder);
                CAPTURE(name);
                const Layout layout = values.layout(name, {});
                check(layout, JsonPlan(layout, Style::raw));
            }
        }
}

} // namespace

TEST_CASE("the raw text of any bytes gives back every bit that a field has") {
    std::mt19937_64 random(20261121);
    for_each_layout([&](const Layout& layout, const JsonPlan& plan) {
        for (int round = 0; round < 300; ++round) {
            const Bytes bytes = random_bytes(layout.size, random);
            const std::string text = raw_text(plan, bytes);
            CAPTURE(text);
            const Reversed back = reverse(layout, text);
            REQUIRE(back.bytes == masked(bytes, back.said));
        }
    });
}

TEST_CASE("a bit that the raw text does not say is padding: the text is the same without it") {
    std::mt19937_64 random(1);
    std::size_t said = 0;
    for_each_layout([&](const Layout& layout, const JsonPlan& plan) {
        Bytes bytes(layout.size);
        const Reversed back = reverse(layout, raw_text(plan, bytes));
        const std::string before = raw_text(plan, bytes);
        for (std::size_t bit = 0; bit < layout.size * 8; ++bit) {
            const std::byte mask{static_cast<std::uint8_t>(1u << bit % 8)};
            bytes[bit / 8] ^= mask;
            const bool is_said = (back.said[bit / 8] & mask) != std::byte{0};
            CHECK((raw_text(plan, bytes) != before) == is_said);
            bytes[bit / 8] ^= mask;
            said += is_said;
        }
    });
    CHECK(said > 5000);
}

TEST_CASE("values without padding are shown to the last bit") {
    const std::set<std::string> whole = {
        "s8",         "u64_largest",    "u128",         "letter",
        "yes",        "packed",         "signed_bits",  "across_bytes",
        "bool_bits",  "units_of_64",    "units_of_128", "tcp_header",
        "of_structs", "of_wide",        "text_short",   "bytes",
        "text_list",  "two_dimensions", "enum_known",   "enum_packed",
        "nested",     "anonymous",      "union_arms",   "f32",
        "f64",        "pointer",        "pointer_null", "real_among_others",
        "ethernet",   "ip_header",      "ipv6_header",  "sock_tuple"};
    std::size_t seen = 0;
    for (const std::string& folder : object_folders())
        for (const std::string& corpus : corpus_names()) {
            const Values values(folder + "/" + corpus + ".bpf.o");
            for (const std::string& name : values.names()) {
                if (!whole.contains(name))
                    continue;
                CAPTURE(name);
                const Layout layout = values.layout(name, {});
                const Reversed back =
                    reverse(layout, raw_text(JsonPlan(layout, Style::raw), Bytes(layout.size)));
                CHECK(back.said == Bytes(layout.size, std::byte{0xff}));
                ++seen;
            }
        }
    CHECK(seen == whole.size() * object_folders().size());
}

namespace {

// A struct or union of random members: integers of every width at every bit, enums, booleans,
// characters, reals, pointers, texts, arrays and more of the same, named or not.
class RandomTypes : public Types {
public:
    explicit RandomTypes(std::uint64_t seed) : random_(seed) {
        choice_ = btf__add_enum(edit(), "choice", 4);
        btf__add_enum_value(edit(), "LESS", -2);
        btf__add_enum_value(edit(), "MORE", 3);
        scalars_ = {{u8, 1},
                    {s8, 1},
                    {c8, 1},
                    {b8, 1},
                    {s16, 2},
                    {alias("__be16", u16), 2},
                    {s32, 4},
                    {alias("dynmon_ipv4_t", u32), 4},
                    {choice_, 4},
                    {u64, 8},
                    {alias("dynmon_time_ns_t", s64), 8},
                    {integer("__int128", 16, BTF_INT_SIGNED), 16},
                    {btf__add_float(edit(), "_Float16", 2), 2},
                    {btf__add_float(edit(), "float", 4), 4},
                    {btf__add_float(edit(), "double", 8), 8},
                    {btf__add_ptr(edit(), u8), 8}};
        bitfields_ = {{u8, 8},   {c8, 8},       {b8, 1},   {u16, 16},
                      {s32, 32}, {choice_, 32}, {s64, 64}, {scalars_[11].type, 128}};
    }

    struct Sized {
        int type;
        std::uint32_t size; // bytes; of bitfields: the most bits
    };

    Sized group(unsigned depth) {
        const bool is_union = random_() % 5 == 0;
        std::vector<std::string> names;
        std::vector<Member> members;
        std::uint32_t end = 0; // bits
        const unsigned count = 1 + random_() % 6;
        names.reserve(count);
        for (unsigned i = 0; i < count; ++i) {
            const std::uint32_t start = is_union ? 0 : end;
            names.push_back("m" + std::to_string(random_() % 4)); // clashes are welcome
            Member member{names.back().c_str(), 0, start};
            std::uint32_t size = 0; // bits
            if (random_() % 3 == 0) {
                const Sized field = bitfields_[random_() % bitfields_.size()];
                member.type = field.type;
                size = random_() % 4 == 0 ? field.size
                                          : 1 + static_cast<std::uint32_t>(random_() % field.size);
                member.bit_size = size;
            } else {
                const Sized field = whole(depth, member.name);
                member.type = field.type;
                member.bit = (start + 7) / 8 * 8;
                size = field.size * 8;
            }
            end = std::max(end, member.bit + size);
            members.push_back(member);
        }
        const std::uint32_t size = (end + 7) / 8 + static_cast<std::uint32_t>(random_() % 3);
        return {is_union ? one_of(nullptr, size, members) : Types::group(nullptr, size, members),
                size};
    }

private:
    Sized whole(unsigned depth, const char*& name) {
        if (depth == 0 || random_() % 3 != 0)
            return scalars_[random_() % scalars_.size()];
        if (random_() % 2 == 0) {
            if (random_() % 2 == 0)
                name = nullptr;
            return group(depth - 1);
        }
        const Sized element = random_() % 2 == 0 ? scalars_[random_() % 4] : group(depth - 1);
        const auto count = static_cast<std::uint32_t>(random_() % 4);
        return {array(element.type, count), element.size * count};
    }

    std::mt19937_64 random_;
    int choice_ = 0;
    std::vector<Sized> scalars_;
    std::vector<Sized> bitfields_;
};

} // namespace

TEST_CASE("the raw text of any bytes of any type gives them back, and every text is JSON") {
    std::mt19937_64 random(3);
    std::size_t said = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        RandomTypes types(seed);
        const auto [type, size] = types.group(3);
        const Layout layout = types.layout(type, size);
        const JsonPlan plan(layout, Style::raw);
        CAPTURE(seed);
        for (int round = 0; round < 10; ++round) {
            const Bytes bytes = random_bytes(size, random);
            const std::string text = raw_text(plan, bytes);
            CAPTURE(text);
            const Reversed back = reverse(layout, text);
            REQUIRE(back.bytes == masked(bytes, back.said));
            for (const std::byte byte : back.said)
                said += byte == std::byte{0xff};
            for (const Style style : {Style::decoded, Style::raw, Style::dynmon})
                json(layout, bytes, style);
        }
    }
    CHECK(said > 50'000);
}

namespace {

bool has_wide_number(const nlohmann::json& value) {
    if (value.is_structured())
        return std::any_of(value.begin(), value.end(), has_wide_number);
    constexpr std::uint64_t most = 1ull << 53;
    if (value.is_number_unsigned())
        return value.get<std::uint64_t>() > most;
    return value.is_number_integer() &&
           value.get<std::int64_t>() < -static_cast<std::int64_t>(most);
}

} // namespace

TEST_CASE("with wide integers as strings no number is beyond what a double holds") {
    std::mt19937_64 random(4);
    bool seen = false;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        RandomTypes types(seed);
        const auto [type, size] = types.group(3);
        const Layout layout = types.layout(type, size);
        CAPTURE(seed);
        for (const Style style : {Style::decoded, Style::raw}) {
            const Bytes bytes = random_bytes(size, random);
            std::string text;
            JsonPlan(layout, style, {}, {}, true).append(bytes.data(), text);
            CHECK_MESSAGE(!has_wide_number(nlohmann::json::parse(text)), text);
            seen = seen || has_wide_number(nlohmann::json::parse(json(layout, bytes, style)));
        }
    }
    CHECK(seen); // without the option there are some
}
