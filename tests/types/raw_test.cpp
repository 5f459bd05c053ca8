// --raw loses nothing: whatever the bytes, its text gives them back.
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "corpus.hpp"
#include "layout/decode_plan.hpp"
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

TEST_CASE("values without padding are said to the last bit") {
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
