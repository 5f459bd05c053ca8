// SPDX-License-Identifier: BSD-2-Clause
#include <string>

#include <doctest/doctest.h>

#include "import/scan.hpp"
#include "import/tokens.hpp"

namespace dynmon {

namespace {

// As the preprocessor leaves it, with lines of a header before it.
ScannedCode scanned(const std::string& code) {
    return scan_code("# 1 \"h.h\"\nint handle_rx; RX_REDIRECT\n# 1 \"ingress.c\"\n" + code,
                     "ingress.c", code);
}

CodeFault fault_of(const std::string& code) {
    try {
        scanned(code);
    } catch (const CodeFault& fault) {
        return fault;
    }
    return {};
}

const std::string handler = "int handle_rx(struct a *b, struct c *d) { return 0; }\n";

} // namespace

TEST_CASE("tables are found by their macros, with kind, name and line") {
    const ScannedCode code =
        scanned("dynmon_table_(BPF_TABLE, \"lru_hash\", struct { int a, b; }, u64, T, 1 << 3);\n\n"
                " dynmon_table_(BPF_QUEUESTACK_SHARED,\n\"queue\", Q, struct f, N, 0);\n"
                "dynmon_table_(BPF_HASH_OF_MAPS, O, \"T\", 4);\n" +
                handler + "void f() { T.increment(1); O.lookup(0); x.call(); }");
    REQUIRE(code.tables.size() == 3);
    CHECK((code.tables[0].name == "T" && code.tables[0].kind == "lru_hash"));
    CHECK((code.tables[0].increments && !code.tables[0].shared && !code.tables[0].keyless));
    CHECK((code.tables[1].name == "Q" && code.tables[1].line == 3 && code.tables[1].column == 2));
    CHECK((code.tables[1].shared && code.tables[1].keyless));
    CHECK((code.tables[2].kind == "hash_of_maps" && code.tables[2].inner == "T"));
    CHECK(code.handler_takes == 2);
}

TEST_CASE("a histogram of whole numbers is an array") {
    CHECK(scanned("dynmon_table_(BPF_HISTOGRAM, H);" + handler).tables[0].kind == "array");
    CHECK(scanned("dynmon_table_(BPF_HISTOGRAM, H, struct k);" + handler).tables[0].kind == "hash");
}

TEST_CASE("what is not possible is refused where it stands") {
    CHECK(fault_of("").message == "the code has no function handle_rx");
    CHECK(fault_of("int handle_rx(a b); int x = handle_rx(c);").message ==
          "the code has no function handle_rx");
    const CodeFault redirect = fault_of(handler + "\n  int x = RX_REDIRECT;");
    CHECK((redirect.line == 3 && redirect.column == 11));
    CHECK(fault_of(handler + "dynmon_table_(BPF_PERF_OUTPUT, P);").message ==
          "BPF_PERF_OUTPUT is no table that can be read");
    CHECK(fault_of(handler + "dynmon_table_(BPF_TABLE, \"prog\", int, int, P, 1);")
              .message.find("kind 'prog'") != std::string::npos);
    CHECK(fault_of(handler + "dynmon_table_(BPF_TABLE, \"hash\", struct a {int b, c, 1);")
              .message.find("no name") != std::string::npos);
    CHECK(fault_of("dynmon_table_(BPF_ARRAY, A);" + handler + "int y = A.perf_submit(1);")
              .message.find("perf_submit") != std::string::npos);
    CHECK(fault_of(handler + "int x __attribute__((__section__(\"tc\")));").message ==
          "a section of its own");
    CHECK(fault_of(handler + "int section;").message.empty());
}

TEST_CASE("code with a function handler is that of DeChainy, and has its attributes") {
    const ScannedCode code = scanned("dynmon_table_(BPF_ARRAY, A) __attributes__ ((SWAP, EXPORT));"
                                     "dynmon_table_(BPF_ARRAY, B);"
                                     "int handler(struct a *b) { return DROP; }");
    CHECK((code.dechainy && code.attributes && code.drops && code.handler_takes == 1));
    CHECK((code.tables[0].swap && code.tables[0].exported && !code.tables[0].empty));
    CHECK((!code.tables[1].swap && !code.tables[1].exported));
    CHECK(!is_dechainy("int handler(int x); int handle_rx() {}"));
    CHECK(!is_dechainy("int handler;"));
    CHECK(!scanned(handler + "int REDIRECT;").dechainy);
}

TEST_CASE("RX_DROP is found before and behind the preprocessor") {
    CHECK(!scanned(handler + "// RX_DROP\n").drops);
    const std::string code = handler + "int x = 2;";
    CHECK(scan_code("# 1 \"ingress.c\"\n" + code, "ingress.c", handler + "\nint x = RX_DROP;")
              .drop_line == 3);
    CHECK(scan_code("# 1 \"ingress.c\"\n" + handler + "int x = RX_DROP;", "ingress.c", code).drops);
}

TEST_CASE("text that asks for files, sections and assembly is refused") {
    const std::pair<const char*, const char*> cases[] = {
        {"#include \"/etc/x\"", "absolute"},
        {"  #  include </etc/x>", "absolute"},
        {"#include <a/../../x>", "'..'"},
        {"#include F", "macro"},
        {"#inc\\\nlude \"/etc/x\"", "absolute"},
        {"/* */ #include \"/etc/x\"", "absolute"},
        {"#include_next \"/x\"", "absolute"},
        {"#import \"../x\"", "'..'"},
        {"#embed \"x\"", "#embed"},
        {"#if __has_include(\"/etc/x\")", "outside the headers"},
        {"#pragma clang attribute pop", "#pragma"},
        {"#pragma GCC poison x", "#pragma"},
        {"_Pragma(\"x\")", "_Pragma"},
        {"__asm__(\"\");", "assembly"},
        {"as\\\nm(\"\");", "assembly"},
        {"int x SEC(\"tc\");", "section"},
        {"dynmon_slot = 1;", "taken"},
    };
    for (const auto& [text, says] : cases) {
        CAPTURE(text);
        const CodeFault fault = refused_by_its_text("\n" + std::string(text));
        CHECK(fault.line >= 2);
        CHECK(fault.message.find(says) != std::string::npos);
    }
    for (const char* text :
         {"#include <linux/ip.h>", "#include \"x.h\"", "#pragma unroll",
          "#pragma clang loop unroll(full)", "// asm(\"\")", "\"asm\"", "#pragma pack(1)",
          "#define F /* ../ */", "int basm;", "#if 1 /* .. */"})
        CHECK(refused_by_its_text(text).line == 0);
}

TEST_CASE("tokens survive what C allows between them") {
    const LexedCode lexed = lex_code("a/*x\n*/b \"c\\\"//\" 'd' .5e3 p->q \"open\nz\\\n1");
    std::string text;
    for (const Token& token : lexed.tokens)
        text += token.text + "|";
    CHECK(text == "a|b|\"c\\\"//\"|'d'|.5e3|p|->|q|\"open|z1|");
    CHECK(lexed.tokens[1].line == 2);
    CHECK(lex_code("/* no end").tokens.empty());
    CHECK(lex_code("\\").tokens.size() == 1);
    CHECK(lex_code("#").directives.size() == 1);
}

} // namespace dynmon
