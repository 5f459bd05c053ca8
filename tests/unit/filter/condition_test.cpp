// SPDX-License-Identifier: BSD-2-Clause
#include <random>

#include "decode/types.hpp"
#include "filter/condition.hpp"
#include "filter/predicate.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

std::string parse_fault(const std::string& text) {
    return fault([&] { Condition::parse(text); });
}

// The tree in Polish notation: "(all a (not b))".
std::string tree(const ConditionNode& node) {
    using Kind = ConditionNode::Kind;
    if (node.kind == Kind::test)
        return node.path;
    std::string text = node.kind == Kind::all ? "(all" : node.kind == Kind::any ? "(any" : "(not";
    for (const ConditionNode& child : node.children)
        text += " " + tree(child);
    return text + ")";
}

std::string tree(const std::string& text) {
    return tree(Condition::parse(text).root());
}

std::vector<std::string> literals(const std::string& text) {
    std::vector<std::string> found;
    const Condition condition = Condition::parse(text);
    for (const ConditionNode::Literal& literal : condition.root().literals)
        found.push_back(literal.text);
    return found;
}

} // namespace

TEST_CASE("&& binds closer than ||, ! closest, and parentheses decide") {
    CHECK(tree("a || b && c") == "(any a (all b c))");
    CHECK(tree("(a||b)&&!c") == "(all (any a b) (not c))");
    CHECK(tree("!a && !!b") == "(all (not a) (not (not b)))");
    CHECK(tree(" a==1\n&&\tb<2 && c>=3 ") == "(all a b c)");
    CHECK(tree("!(a || b)") == "(not (any a b))");
}

TEST_CASE("a value needs quotes only when it has spaces or signs of the language") {
    using Texts = std::vector<std::string>;
    CHECK(literals("a == 10.0.0.0/8") == Texts{"10.0.0.0/8"});
    CHECK(literals("a in (fd00::1, ::1,2001:db8::/32)") ==
          Texts{"fd00::1", "::1", "2001:db8::/32"});
    CHECK(literals("a & SYN|ACK") == Texts{"SYN|ACK"});
    CHECK(literals("a > 2026-11-21T01:02:03.5+02:00") == Texts{"2026-11-21T01:02:03.5+02:00"});
    CHECK(literals("a == \"a && 'b'\"") == Texts{"a && 'b'"});
    CHECK(literals("a == 'it\\'s \\\\ \\*'") == Texts{"it's \\ \\*"});
    CHECK(literals("a~eth*") == Texts{"eth*"});
    CHECK(literals("a in 10.0.0.0/8") == Texts{"10.0.0.0/8"});
    CHECK(literals("in == 1") == Texts{"1"}); // a field may be called in
    CHECK(literals("a == -1") == Texts{"-1"});
}

TEST_CASE("faults name the column and point at it") {
    CHECK(parse_fault("key.a = 1") == "column 7: expected a comparison\n"
                                      "    key.a = 1\n"
                                      "          ^ (did you mean '=='?)");
    CHECK(parse_fault("") == "column 1: expected a field, but here is the end\n    \n    ^");
    CHECK(parse_fault("a == ") == "column 6: expected a value, but here is the end\n"
                                  "    a == \n"
                                  "         ^ (such as 443, 10.0.0.1, TCP or \"a text\")");
    CHECK(parse_fault("443 == a").starts_with("column 1: expected a field, such as key.dport\n"));
    CHECK(parse_fault("a == 1 b == 2").starts_with("column 8: expected && or ||\n"));
    CHECK(parse_fault("a == 1)").starts_with("column 7: a ')' without its '('\n"));
    CHECK(parse_fault("(a == 1").starts_with("column 8: a ')' is missing\n"));
    CHECK(parse_fault("a in (1, 2").starts_with("column 11: expected ',' or ')'\n"));
    CHECK(parse_fault("a == 'x").starts_with("column 6: the quote is not closed\n"));
    CHECK(parse_fault("a[x] == 1").starts_with("column 2: expected an index such as [2]"));
    CHECK(parse_fault("a | b").starts_with("column 3: expected a comparison\n"));
    CHECK(parse_fault("\xc3\xbc == 1 x").starts_with("column 8: ")); // counts characters
}

TEST_CASE("of a long text the surroundings of the fault are shown") {
    const std::string text = std::string(100, 'a') + " == 1 ? " + std::string(100, 'b');
    CHECK(parse_fault(text) == "column 107: expected && or ||\n    …" + std::string(34, 'a') +
                                   " == 1 ? " + std::string(28, 'b') + "…\n    " +
                                   std::string(41, ' ') + "^");
}

TEST_CASE("length and depth are bounded, and a long list of terms is not deep") {
    CHECK(parse_fault(std::string(70, '(')).starts_with("column 65: nested deeper than 64"));
    CHECK(parse_fault(std::string(70, '!') + "a").starts_with("column 65: nested deeper"));
    CHECK(parse_fault(std::string(5000, 'a')).starts_with("column 4097: longer than 4096 bytes"));
    std::string terms = "a";
    while (terms.size() < 4000)
        terms += "&&a";
    CHECK(parse_fault(terms).empty());
}

TEST_CASE("no text makes parsing and compiling fail in another way than with an Error") {
    Types t;
    const int inner = t.group("in", 4, {{"x", t.u16, 0}, {"y", t.u16, 16}});
    const Layout key =
        t.layout(t.group("k", 4, {{"addr", t.alias("dynmon_ipv4_t", t.u32), 0}}), 4, {}, "key");
    const Layout value = t.layout(t.group("v", 40,
                                          {{"n", t.u64, 0},
                                           {"s", t.array(t.c8, 8), 64},
                                           {"when", t.alias("dynmon_time_ns_t", t.u64), 128},
                                           {"list", t.array(inner, 2), 192},
                                           {"flags", t.alias("dynmon_tcp_flags_t", t.u8), 256}}),
                                  40);
    const std::vector<std::string> pieces = {
        "key", "value", ".",  "addr", "n",    "s",    "when", "list",       "flags", "[",
        "]",   "0",     "1",  "==",   "!=",   "<=",   ">",    "~",          "&",     "&&",
        "||",  "|",     "!",  "(",    ")",    " in ", ",",    "10.0.0.0/8", "/",     "99",
        "now", "-",     "5m", "\"",   "'",    "\\",   "*",    "?",          "SYN",   "2026-11-21",
        "T",   ":",     "0x", "_",    "\xff", "\xc3", " ",    " contains "};
    std::mt19937 random(11);
    const std::vector<std::byte> zero(64);
    int understood = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string text;
        for (unsigned i = 0, length = random() % 12; i < length; ++i)
            text += pieces[random() % pieces.size()];
        try {
            const Predicate predicate(Condition::parse(text), {&key, &value}, 1);
            predicate.holds(zero.data(), zero.data());
            ++understood;
        } catch (const Error& error) {
            REQUIRE(error.kind() == ErrorKind::usage);
            REQUIRE(std::string(error.what()).starts_with("column "));
        }
    }
    CHECK(understood > 50);
}
