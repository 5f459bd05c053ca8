// SPDX-License-Identifier: BSD-2-Clause
#include <cstdlib>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/probe.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

namespace fs = std::filesystem;

constexpr const char* variable = "DYNMON_PROBE_PATH";

// Sets the variable for one test case and puts back what was there.
class ProbePath {
public:
    explicit ProbePath(const std::string& value) {
        const char* before = std::getenv(variable);
        before_ = before == nullptr ? "" : before;
        ::setenv(variable, value.c_str(), 1);
    }
    ~ProbePath() {
        if (before_.empty())
            ::unsetenv(variable);
        else
            ::setenv(variable, before_.c_str(), 1);
    }
    ProbePath(const ProbePath&) = delete;
    ProbePath& operator=(const ProbePath&) = delete;

private:
    std::string before_;
};

void write_manifest(const fs::path& path, const std::string& name = "sample") {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "{\"name\": \"" << name << "\", \"ingress-path\": {}}\n";
}

void copy_object(const fs::path& path) {
    fs::create_directories(path.parent_path());
    fs::copy_file(test::object_path("sample"), path);
}

Error fault(const std::string& probe) {
    try {
        open_probe(probe);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error;
    }
    return {ErrorKind::failed, "taken"};
}

} // namespace

TEST_CASE("a folder, its manifest in YAML or JSON, and a bare object all name a probe") {
    const test::TemporaryFolder folder;
    write_manifest(folder / "a/probe.yaml");
    copy_object(folder / "a/sample.bpf.o");
    write_manifest(folder / "b/probe.json");
    copy_object(folder / "b/sample.bpf.o");

    const Probe by_folder = open_probe(folder / "a");
    CHECK(by_folder.manifest_path == (folder / "a/probe.yaml"));
    CHECK(by_folder.object.path() == (folder / "a/sample.bpf.o"));
    CHECK(by_folder.manifest.name == "sample");
    CHECK(open_probe((folder / "a").string() + "/").manifest.name == "sample");
    CHECK(open_probe(folder / "a/probe.yaml").manifest_path == (folder / "a/probe.yaml"));
    CHECK(open_probe(folder / "b").manifest_path == (folder / "b/probe.json"));

    const Probe bare = open_probe(folder / "a/sample.bpf.o");
    CHECK(bare.manifest_path.empty());
    CHECK(bare.manifest.name == "sample");
    CHECK(bare.manifest.paths.size() == 2);
}

TEST_CASE("the name of a bare object becomes a name that a probe can have") {
    const test::TemporaryFolder folder;
    copy_object(folder / "a b+c.v2.bpf.o");
    CHECK(open_probe(folder / "a b+c.v2.bpf.o").manifest.name == "a_b_c");
}

TEST_CASE("a name is looked for along the search path, first come first served") {
    const test::TemporaryFolder folder;
    write_manifest(folder / "one/flows/probe.yaml", "first");
    copy_object(folder / "one/flows/first.bpf.o");
    write_manifest(folder / "two/flows/probe.yaml", "second");
    write_manifest(folder / "two/other/probe.yaml", "sample");
    copy_object(folder / "two/other/sample.bpf.o");
    fs::create_directories(folder / "one/other"); // a folder without a manifest is no probe
    const ProbePath path((folder / "one").string() + "::" + (folder / "two").string());

    CHECK(search_path().at(0) == (folder / "one"));
    CHECK(search_path().at(1) == (folder / "two"));
    CHECK(search_path().at(2).ends_with("/dynmon/probes"));
    CHECK(open_probe("flows").manifest.name == "first");
    CHECK(open_probe("other").manifest_path == (folder / "two/other/probe.yaml"));

    const Error missing = fault("flwos");
    CHECK(std::string(missing.what())
              .starts_with("no probe 'flwos' in " + (folder / "one").string() + ", " +
                           (folder / "two").string() + ", "));
    CHECK(missing.hint() == "did you mean 'flows'?");
}

TEST_CASE(
    "below the current folder a name is looked for last, and only where it is the caller's own") {
    const test::TemporaryFolder folder;
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    const ProbePath path("");
    const std::vector<std::string> own = search_path();
    CHECK(own.size() >= 3);
    CHECK(own.at(own.size() - 3).ends_with("/dynmon/probes"));
    CHECK(own.at(own.size() - 2) == "./build/probes");
    CHECK(own.back() == "./probes");
    write_manifest(folder / "probes/mine/probe.yaml");
    copy_object(folder / "probes/mine/sample.bpf.o");
    CHECK(open_probe("mine").manifest.name == "sample");
    for (const fs::perms open : {fs::perms::group_write, fs::perms::others_write}) {
        fs::permissions(folder.path(), fs::perms::owner_all | open);
        CHECK(search_path().back().ends_with("/dynmon/probes"));
        const Error unknown = fault("mine");
        CHECK(std::string(unknown.what()).starts_with("no probe 'mine' in "));
        CHECK(unknown.hint().starts_with("./probes/mine is not taken by its name, because the "
                                         "current folder can be written to by others"));
    }
    fs::current_path(before);
}

TEST_CASE("in a source tree the object is taken from build/probes") {
    const test::TemporaryFolder folder;
    write_manifest(folder / "tree/probes/sample/probe.yaml");
    CHECK(std::string(fault(folder / "tree/probes/sample").what()) ==
          "object 'sample.bpf.o' is neither beside " +
              (folder / "tree/probes/sample/probe.yaml").string() + " nor in " +
              (folder / "tree/build/probes/sample").string());
    copy_object(folder / "tree/build/probes/sample/sample.bpf.o");
    CHECK(open_probe(folder / "tree/probes/sample").object.path() ==
          (folder / "tree/build/probes/sample/sample.bpf.o"));
}

TEST_CASE("what is no probe is refused with the reason") {
    const test::TemporaryFolder folder;
    write_manifest(folder / "a/probe.yaml");
    std::ofstream(folder / "a/bad.yaml") << "name: x\nhok: tc\negress-path: {}\n";
    std::ofstream(folder / "a/readme.txt") << "no\n";
    fs::create_directories(folder / "empty");
    const std::string a = (folder / "a").string();

    CHECK(std::string(fault(a).what()) ==
          "object 'sample.bpf.o' is not beside " + a + "/probe.yaml");
    CHECK(fault(a).hint() == "compile the probe: make -f Makefile.bpf");
    CHECK(std::string(fault(a + "/bad.yaml").what()) ==
          a + "/bad.yaml:2:1: unknown key 'hok' in the manifest");
    CHECK(std::string(fault(a + "/readme.txt").what()) == a + "/readme.txt is no probe");
    CHECK(std::string(fault(folder / "empty").what()) ==
          "no probe.yaml and no probe.json in " + (folder / "empty").string());
    CHECK(std::string(fault(a + "/nothing").what()) ==
          "open probe " + a + "/nothing: no such file or directory (ENOENT)");
    CHECK(std::string(fault("a b").what()) == "probe name 'a b' is not a valid name");
    fs::create_symlink(test::object_path("sample"), folder / "a/sample.bpf.o");
    CHECK(std::string(fault(a).what()) == a + "/sample.bpf.o is a symbolic link");
}
