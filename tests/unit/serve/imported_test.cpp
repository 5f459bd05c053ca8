// SPDX-License-Identifier: BSD-2-Clause
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "dynmon/error.hpp"
#include "serve/imported.hpp"

namespace dynmon::serve {

namespace {

namespace fs = std::filesystem;

class ImportedFolder {
public:
    ImportedFolder() {
        std::string name = (fs::temp_directory_path() / "dynmon-imported-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ImportedFolder(const ImportedFolder&) = delete;
    ImportedFolder& operator=(const ImportedFolder&) = delete;
    ~ImportedFolder() { fs::remove_all(path_); }

    std::string place() const { return (path_ / "imported").string(); }
    std::size_t count() const {
        std::size_t found = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(place()))
            ++found;
        return found;
    }

private:
    fs::path path_;
};

void accept_probe(const std::string& /*folder*/) {}

void set_used(const std::string& folder, int hours_ago) {
    fs::last_write_time(folder, fs::file_time_type::clock::now() - std::chrono::hours(hours_ago));
}

} // namespace

TEST_CASE("a compiled probe is kept when it is good, and only then") {
    const ImportedFolder folder;
    const ImportedProbes probes(folder.place());
    CHECK(probes.find("a").empty());
    probes.add("a", {{"probe.yaml", "one"}}, accept_probe);
    CHECK(probes.find("a") == folder.place() + "/a");
    CHECK_THROWS_AS(
        probes.add("a", {{"probe.yaml", "two"}},
                   [](const std::string&) { throw Error(ErrorKind::rejected, "it is bad"); }),
        Error);
    std::string text;
    std::ifstream(probes.find("a") + "/probe.yaml") >> text;
    CHECK(text == "one");
    probes.add("a", {{"probe.yaml", "three"}}, accept_probe);
    std::ifstream(probes.find("a") + "/probe.yaml") >> text;
    CHECK(text == "three");
    CHECK(folder.count() == 1);
    probes.remove("a");
    CHECK(probes.find("a").empty());
}

TEST_CASE("what a killed server left of a compiled probe is no obstacle") {
    const ImportedFolder folder;
    const ImportedProbes probes(folder.place());
    probes.add("a", {{"probe.yaml", "one"}}, accept_probe);
    fs::create_directories(folder.place() + "/.unchecked/x");
    probes.add("b", {{"probe.yaml", "two"}}, accept_probe);
    CHECK(folder.count() == 2);
}

TEST_CASE("compiled probes that were used longest ago make room for others") {
    const ImportedFolder folder;
    const ImportedProbes probes(folder.place());
    probes.add("first", {{"probe.yaml", "x"}}, accept_probe);
    probes.add("second", {{"probe.yaml", "x"}}, accept_probe);
    for (std::size_t i = 2; i < ImportedProbes::most_probes; ++i) {
        const std::string name = std::to_string(i);
        fs::create_directory(folder.place() + "/" + name);
        set_used(folder.place() + "/" + name, 1);
    }
    set_used(folder.place() + "/first", 9);
    set_used(folder.place() + "/second", 8);
    CHECK_FALSE(probes.find("first").empty()); // it is used now
    probes.add("third", {{"probe.yaml", "x"}}, accept_probe);
    CHECK(folder.count() == ImportedProbes::most_probes);
    CHECK_FALSE(probes.find("first").empty());
    CHECK(probes.find("second").empty());
    CHECK_FALSE(probes.find("third").empty());
}

TEST_CASE("a folder of compiled probes that others can write to is refused") {
    const ImportedFolder folder;
    const ImportedProbes probes(folder.place());
    probes.add("a", {{"probe.yaml", "one"}}, accept_probe);
    fs::permissions(folder.place(), fs::perms::others_write, fs::perm_options::add);
    CHECK_THROWS_AS(static_cast<void>(probes.find("a")), Error);
    CHECK_THROWS_AS(probes.add("b", {{"probe.yaml", "two"}}, accept_probe), Error);
}

} // namespace dynmon::serve
