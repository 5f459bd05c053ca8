// SPDX-License-Identifier: BSD-2-Clause
#include <chrono>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "base/limits.hpp"
#include "manifest/document.hpp"
#include "manifest/manifest.hpp"
#include "manifest/samples.hpp"

using namespace dynmon;

namespace {

// A text of at most the size that is read at all, made of one piece over and over.
std::string repeat(const std::string& piece) {
    std::string text;
    while (text.size() + piece.size() <= limits::manifest_bytes)
        text += piece;
    return text;
}

std::string fault(const std::string& text) {
    std::vector<Diagnostic> faults;
    parse_document(text, faults);
    return faults.empty() ? "" : faults.front().message;
}

} // namespace

TEST_CASE("quoted and plain scalars differ, and every node knows its place") {
    std::vector<Diagnostic> faults;
    const auto root = parse_document("a: 1\nb: ['1', \"x\\ty\"]\n", faults);
    REQUIRE(root.has_value());
    REQUIRE(root->items.size() == 2);
    CHECK(root->keys[1].text == "b");
    CHECK_FALSE(root->items[0].quoted);
    const Node& list = root->items[1];
    REQUIRE(list.kind == Node::Kind::sequence);
    CHECK(list.items[0].quoted);
    CHECK(list.items[1].text == "x\ty");
    CHECK(list.items[1].at.line == 2);
    CHECK(list.items[1].at.column == 10);
}

TEST_CASE("an escape of a character of several bytes is named by what can be printed") {
    CHECK(fault("name: \"\\\u00e4\"\n") == "unknown escape character: \\xc3");
}

TEST_CASE("a manifest that is too large, too deep or too wide is refused") {
    CHECK(fault(std::string(10u << 20, 'x')) ==
          "the manifest has 10485760 bytes; at most 1048576 are read");
    CHECK(fault(std::string(10'000, '[') + std::string(10'000, ']')) != "");
    CHECK(fault("a: " + std::string(100, '[') + std::string(100, ']')) ==
          "nested deeper than 32 levels");
    std::string wide;
    for (int i = 0; i < 1000; ++i)
        wide += "key" + std::to_string(i) + ": 1\n";
    CHECK(fault(wide) == "more than 256 keys in a mapping");
}

TEST_CASE("the largest texts of every shape are answered in bounded time") {
    for (const char* piece : {"[",
                              "{",
                              "- ",
                              "? ",
                              "a: ",
                              "!",
                              "&a ",
                              "*a ",
                              "\"",
                              "'",
                              "[a,",
                              "{a:",
                              "{\"a\":1,",
                              "- {a: 1}\n",
                              "-\n",
                              "\n ",
                              ": ",
                              "# ",
                              "%",
                              "|",
                              ",",
                              "- - -\n",
                              "\xc3\xa9",
                              "a:\n",
                              "--- ",
                              "---\n",
                              "a: &\n",
                              "[[[a]]],",
                              "[\xc3\xa9,",
                              "x: {a, a}\n",
                              "x: [1, 1, 1]\n",
                              "a: |\n x\n",
                              "- \"a\"\n",
                              "[~,",
                              "}"}) {
        const auto start = std::chrono::steady_clock::now();
        const ParsedManifest parsed = parse_manifest(repeat(piece));
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        CHECK_MESSAGE(!parsed.diagnostics.empty(), piece);
        CHECK_MESSAGE(parsed.diagnostics.size() <= most_faults + 1, piece);
        CHECK_MESSAGE(seconds.count() < 10, piece); // 0.5 s at worst, without sanitizers
    }
}

TEST_CASE("aliases cannot make a small text large") {
    std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
    for (char name = 'b'; name < 'z'; ++name) {
        const std::string before(1, static_cast<char>(name - 1));
        bomb += std::string(1, name) + ": &" + name + " [";
        for (int i = 0; i < 9; ++i)
            bomb += (i > 0 ? ", *" : "*") + before;
        bomb += "]\n";
    }
    CHECK(fault(bomb) == "anchors and aliases are not allowed");
}

TEST_CASE("damaged manifests are refused or taken but never end the process") {
    std::mt19937 random(7);
    const auto list = test::samples("good");
    const std::string alphabet = "{}[]:,-?&*!|>'\"%@`# \n\t\\\x01\xff\xc3"
                                 "ax01";
    std::size_t refused = 0;
    for (int round = 0; round < 4000; ++round) {
        std::string text = list[random() % list.size()].text;
        for (unsigned changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
            const std::size_t at = random() % text.size();
            const char c = alphabet[random() % alphabet.size()];
            switch (random() % 4) {
            case 0:
                text[at] = c;
                break;
            case 1:
                text.insert(at, 1, c);
                break;
            case 2:
                text.erase(at, 1 + random() % 5);
                break;
            default:
                text.resize(at);
            }
        }
        const ParsedManifest parsed = parse_manifest(text);
        refused += parsed.diagnostics.empty() ? 0 : 1;
        for (const Diagnostic& diagnostic : parsed.diagnostics) {
            CHECK(diagnostic.at.line >= 1);
            CHECK(diagnostic.at.column >= 1);
            CHECK_FALSE(diagnostic.message.empty());
        }
    }
    CHECK(refused > 2000);
}
