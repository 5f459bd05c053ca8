// SPDX-License-Identifier: BSD-2-Clause
// Every case of the corpus, in every format, with every compiler.
#include <algorithm>
#include <iostream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "corpus.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

std::string cases_path(const std::string& name) {
    return std::string(DYNMON_TYPES_CASES) + "/" + name + ".cases";
}

std::string object_path(const std::string& folder, const std::string& name) {
    return folder + "/" + name + ".bpf.o";
}

} // namespace

TEST_CASE("every value is shown as its case says, in every format") {
    std::size_t checked = 0;
    for (const std::string& folder : object_folders()) {
        for (const std::string& name : corpus_names()) {
            const Values values(object_path(folder, name));
            for (const Case& item : read_cases(cases_path(name))) {
                CAPTURE(folder);
                CAPTURE(item.name);
                auto shown = show(values.layout(item.name, item.formats), values.bytes(item.name));
                for (const char* style : {"people", "raw", "strings"})
                    CHECK_MESSAGE(nlohmann::json::accept(shown.at(style)), shown.at(style));
                if (!item.expected.contains("strings") && shown.at("strings") == shown.at("people"))
                    shown.erase("strings");
                for (const auto& [style, text] : shown) {
                    const auto& what = style; // clang 14: no lambda names a structured binding
                    CAPTURE(what);
                    REQUIRE(item.expected.contains(what));
                    CHECK(text == item.expected.at(what));
                    ++checked;
                }
                CHECK(item.expected.size() == shown.size());
            }
        }
    }
    CHECK(checked > 400);
}

TEST_CASE("every value has a case and every case a value") {
    for (const std::string& folder : object_folders()) {
        for (const std::string& name : corpus_names()) {
            std::vector<std::string> cases;
            for (const Case& item : read_cases(cases_path(name)))
                cases.push_back(item.name);
            std::sort(cases.begin(), cases.end());
            CHECK(Values(object_path(folder, name)).names() == cases);
        }
    }
}

TEST_CASE("print what is shown, to be read and made a case" * doctest::skip() *
          doctest::test_suite("by hand")) {
    for (const std::string& name : corpus_names()) {
        const Values values(object_path(object_folders().front(), name));
        std::map<std::string, Formats> formats;
        for (const Case& item : read_cases(cases_path(name)))
            formats[item.name] = item.formats;
        std::cout << "# " << name << "\n";
        for (const std::string& variable : values.names()) {
            const Formats& given = formats[variable];
            auto shown = show(values.layout(variable, given), values.bytes(variable));
            std::cout << "\n= " << variable << "\n";
            for (const auto& [path, format] : given)
                std::cout << "format " << path << " " << format << "\n";
            for (const char* what : {"people", "raw", "strings", "csv", "table"})
                if (std::string(what) != "strings" || shown["strings"] != shown["people"])
                    std::cout << what << " " << shown[what] << "\n";
        }
    }
}
