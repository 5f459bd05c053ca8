// SPDX-License-Identifier: BSD-2-Clause
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "import/document.hpp"

namespace dynmon {

namespace {

std::string fault_of(const std::string& text) {
    try {
        parse_dynmon_document(text, "d.json");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "";
}

const std::string metrics = R"([{"name":"n","map-name":"M","extraction-options":)"
                            R"({"swap-on-read":true},"open-metrics-metadata":{"help":"h",)"
                            R"("type":"Counter","labels":[{"name":"l","value":"v"}]}}])";
const std::string flat = R"({"name":"x","code":"a\r\nb","metrics":)" + metrics + "}";

} // namespace

TEST_CASE("every shape of a document has the same path") {
    const std::string path =
        R"({"name":"other","metric-configs":)" + metrics + R"(,"code":"a\nb"})";
    const std::string first = path_digest(parse_dynmon_document(flat, "d.json").paths.front());
    const std::pair<std::string, DocumentShape> shapes[] = {
        {flat, DocumentShape::flat},
        {R"({"dataplane":)" + flat + "}", DocumentShape::flat},
        {R"({"ingress-path":)" + path + R"(,"egress-path":{}})", DocumentShape::paths},
        {R"({"type":"TC","dataplane-config":{"ingress-path":)" + path + "}}", DocumentShape::paths},
        {R"({"id":"x","description":"d","config":{"code":"a\nb","metrics":)" + metrics + "}}",
         DocumentShape::catalogue}};
    for (const auto& [text, shape] : shapes) {
        CAPTURE(text);
        const DynmonDocument document = parse_dynmon_document(text, "d.json");
        CHECK(document.shape == shape);
        REQUIRE(document.paths.size() == 1);
        CHECK(document.paths.front().direction == Direction::ingress);
        CHECK(path_digest(document.paths.front()) == first);
    }
}

TEST_CASE("the canonical path is sorted, complete and has LF") {
    CHECK(canonical_path(parse_dynmon_document(flat, "d.json").paths.front()) ==
          R"({"code":"a\nb","metrics":[{"extraction-options":{"empty-on-read":false,)"
          R"("swap-on-read":true},"map-name":"M","name":"n","open-metrics-metadata":)"
          R"({"help":"h","labels":[{"name":"l","value":"v"}],"type":"counter"}}]})");
}

TEST_CASE("what differs in code or metrics has another digest") {
    const auto digest = [](const std::string& text) {
        return path_digest(parse_dynmon_document(text, "d.json").paths.front());
    };
    const std::string one = R"({"code":"a","metrics":[{"name":"n","map-name":"M"}]})";
    CHECK(digest(one).size() == 64);
    CHECK(digest(one) ==
          digest(R"({"name":"x", "metrics": [{"map-name":"M","name":"n"}], "code":"a"})"));
    for (
        const char* other :
        {R"({"code":"b","metrics":[{"name":"n","map-name":"M"}]})",
         R"({"code":"a","metrics":[{"name":"m","map-name":"M"}]})", R"({"code":"a","metrics":[]})",
         R"({"code":"a","metrics":[{"name":"n","map-name":"M","extraction-options":{"empty-on-read":true}}]})"})
        CHECK(digest(other) != digest(one));
}

TEST_CASE("both paths are read, ingress first, and the cube's type") {
    const DynmonDocument document = parse_dynmon_document(
        R"({"type":"XDP_SKB","dataplane-config":{"egress-path":{"code":"e"},"ingress-path":{"code":"i"}}})",
        "d.json");
    REQUIRE(document.paths.size() == 2);
    CHECK(document.path(Direction::ingress)->code.text == "i");
    CHECK(document.path(Direction::egress)->code.text == "e");
    CHECK(document.type == "XDP_SKB");
}

TEST_CASE("faults have their places") {
    CHECK(fault_of("") == "d.json:1:1: no JSON: syntax error while parsing value - unexpected end "
                          "of input; expected '[', '{', or a literal");
    CHECK(fault_of("\n <html>").starts_with("d.json:2:2: an HTML page"));
    CHECK(fault_of("[]").starts_with("d.json:1:1: a document is an object"));
    CHECK(fault_of("{}").starts_with("d.json:1:1: no document of Dynmon"));
    CHECK(fault_of(R"({"ingress-path":{}})").starts_with("d.json:1:1: neither path has code"));
    CHECK(fault_of("{\"é\": 1\n \"b\": 2}").starts_with("d.json:2:2: no JSON"));
    CHECK(fault_of("{\"code\": \"a\",\n \"code\": \"b\"}")
              .starts_with("d.json:2:2: 'code' stands there twice"));
    CHECK(fault_of("{\"name\": \"é\", \"code\": 7}")
              .starts_with("d.json:1:23: 'code' must be a text"));
    CHECK(fault_of(R"({"ingres-path":{"code":""},"egress-path":{"code":""}})")
              .starts_with("d.json:1:2: unknown key 'ingres-path'"));
    CHECK(fault_of(R"({"code":"","metrics":[{"name":"","map-name":"M"}]})")
              .starts_with("d.json:1:31: 'name' must not be empty"));
    CHECK(fault_of(R"({"code":"","metrics":[{"name":"a","map-name":"M-"}]})")
              .starts_with("d.json:1:46: 'map-name' must be a name as in C"));
    CHECK(fault_of(R"({"code":"a\u0000b"})").starts_with("d.json:1:9: the code has a NUL"));
    CHECK(fault_of(std::string(40, '[')).find("levels") != std::string::npos);
    CHECK(fault_of(std::string((1u << 20) + 1, ' ')).find("larger than") != std::string::npos);
}

TEST_CASE("a document of one long line costs no square of it") {
    std::string text = R"({"code":"","metrics":[)";
    while (text.size() < 900'000)
        text += "[],";
    CHECK(fault_of(text + "[]]}").find("a metric is an object") != std::string::npos);
}

TEST_CASE("documents with random changes are refused with a place, or read whole") {
    std::mt19937 random(1); // NOLINT: the same in each run
    const std::string whole = R"({"dataplane-config":{"ingress-path":)" + flat +
                              R"(,"egress-path":{"code":"\u00e9\"\\","metric-configs":)" + metrics +
                              "}}}";
    const std::string others = "{}[]\",:\\u0n1 \n\xc3\xa9\xff<t";
    for (int i = 0; i < 20'000; ++i) {
        std::string text = whole;
        for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
            const std::size_t at = random() % text.size();
            const char other = others[random() % others.size()];
            switch (random() % 3) {
            case 0:
                text.erase(at, 1 + random() % 8);
                break;
            case 1:
                text.insert(at, 1, other);
                break;
            default:
                text[at] = other;
            }
        }
        CAPTURE(text);
        try {
            const DynmonDocument document = parse_dynmon_document(text, "d.json");
            for (const DocumentPath& path : document.paths) {
                CHECK(path_digest(path).size() == 64);
                CHECK(metric_identifiers(path).size() == path.metrics.size());
                const Position at = code_place(path.code, 2, 1);
                CHECK((at.line >= path.code.at.line && at.column >= 1));
            }
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            CHECK(std::string(error.what()).starts_with("d.json:"));
        }
    }
}

TEST_CASE("a place in the code is found in the document") {
    const std::string text =
        "{\n \"name\": \"é\", \"code\": \"é\\u00e9 \\\"x\\\"\\r\\n\\tint y;\\n\\\\\"}";
    const DynmonDocument document = parse_dynmon_document(text, "d.json");
    const DocumentCode& code = document.paths.front().code;
    CHECK(code.text == "éé \"x\"\n\tint y;\n\\");
    const auto column_of = [&](const std::string& what) {
        const std::string line = text.substr(2);
        int column = 1;
        for (std::size_t i = 0; i < line.find(what); ++i)
            column += (static_cast<unsigned char>(line[i]) & 0xc0) != 0x80;
        return column;
    };
    CHECK(code_place(code, 1, 1).line == 2);
    CHECK(code_place(code, 1, 1).column == column_of("é\\u00e9"));
    CHECK(code_place(code, 2, 2).column == column_of("int y"));
    CHECK(code_place(code, 2, 6).column == column_of("y;"));
    CHECK(code_place(code, 3, 1).column == column_of("\\\\\"}"));
}

TEST_CASE("names of metrics become identifiers, each once") {
    const DynmonDocument document = parse_dynmon_document(
        R"({"code":"","metrics":[{"name":"Total packets","map-name":"M"},{"name":"Total_packets","map-name":"M"},)"
        R"({"name":"ok-1","map-name":"M"},{"name":"-x","map-name":"M"},{"name":"é","map-name":"M"}]})",
        "d.json");
    CHECK(metric_identifiers(document.paths.front()) ==
          std::vector<std::string>{"Total_packets", "Total_packets_2", "ok-1", "_x", "__"});
}

TEST_CASE("a source has the digest of the document with the same code and metrics") {
    const DynmonDocument source =
        parse_dynmon_source("a\r\nb", Direction::egress, metrics, "m.json");
    CHECK(source.paths.front().direction == Direction::egress);
    CHECK(path_digest(source.paths.front()) ==
          path_digest(parse_dynmon_document(flat, "d.json").paths.front()));
    CHECK(parse_dynmon_source("x", Direction::ingress, "", "").paths.front().metrics.empty());
    CHECK(code_place(source.paths.front().code, 2, 1).line == 2);
}

} // namespace dynmon
