// SPDX-License-Identifier: BSD-2-Clause
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <stdlib.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "export/output_dir.hpp"
#include "export/sessions.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        char name[] = "/tmp/dynmon-test-XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string text(const std::string& name) const {
        std::ifstream file(path / name);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    void put(const std::string& name, const std::string& text) const {
        std::ofstream(path / name) << text;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& entry : fs::directory_iterator(path))
            if (entry.path().filename() != ".dynmon-export.json" &&
                entry.path().filename() != ".dynmon-lock")
                found.push_back(entry.path().filename());
        std::sort(found.begin(), found.end());
        return found;
    }

    fs::path path;
};

WindowName window(std::uint64_t sequence, std::uint64_t iteration) {
    return {"web", {sequence, sequence * 10, sequence * 10 + 10, 1}, iteration};
}

const std::string header = "a, b\n";

std::string failure(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("output folder: files of a window appear, and the window is known afterwards") {
    const Folder folder;
    {
        OutputDir dir(folder.path / "new");
        CHECK(dir.next_iteration() == 0);
        CHECK_FALSE(dir.has("web", window(1, 0).window));
        dir.store(window(1, 0), {{"x-iter0.csv", "one"}, {"y-iter0.csv", "two"}});
        CHECK(dir.has("web", window(1, 0).window));
        CHECK(dir.next_iteration() == 1);
    }
    const OutputDir again(folder.path / "new");
    CHECK(again.has("web", window(1, 0).window));
    CHECK_FALSE(again.has("other", window(1, 0).window));
    CHECK_FALSE(again.has("web", window(2, 0).window));
    CHECK(again.next_iteration() == 1);
    CHECK(folder.text("new/x-iter0.csv") == "one");
    CHECK(folder.text("new/y-iter0.csv") == "two");
}

TEST_CASE("output folder: a number of an earlier load is not taken for the same window") {
    const Folder folder;
    OutputDir dir(folder.path);
    dir.store(window(1, 0), {{"x-iter0.csv", "one"}});
    WindowName later = window(1, 1);
    later.window.to_ns = 99;
    CHECK_FALSE(dir.has("web", later.window));
}

TEST_CASE("output folder: more files than are synced one by one") {
    const Folder folder;
    OutputDir dir(folder.path);
    std::vector<OutFile> files;
    for (int i = 0; i < 40; ++i)
        files.push_back({std::to_string(i) + "-iter0.csv", std::to_string(i)});
    dir.store(window(1, 0), files);
    CHECK(folder.names().size() == 40);
    CHECK(folder.text("39-iter0.csv") == "39");
}

TEST_CASE("output folder: rows are appended behind one header") {
    const Folder folder;
    {
        OutputDir dir(folder.path);
        dir.store(window(1, 0), {{"results.csv", "1, 2\n", header}});
    }
    OutputDir dir(folder.path);
    dir.store(window(2, 1), {{"results.csv", "3, 4\n", header}});
    CHECK(folder.text("results.csv") == "a, b\n1, 2\n3, 4\n");
    folder.put("results.csv", "a, c\n");
    CHECK(failure([&] {
              dir.store(window(3, 2), {{"results.csv", "5, 6\n", header}});
          }).ends_with("results.csv has other columns"));
    CHECK(folder.text("results.csv") == "a, c\n");
    CHECK_FALSE(dir.has("web", window(3, 2).window));
    CHECK(folder.names() == std::vector<std::string>{"results.csv"});
}

TEST_CASE("output folder: no file is overwritten, and none of its window is there then") {
    const Folder folder;
    folder.put("b-iter0.csv", "mine");
    OutputDir dir(folder.path);
    CHECK(dir.next_iteration() == 1);
    CHECK(failure([&] {
              dir.store(window(1, 0), {{"a-iter0.csv", "1"}, {"b-iter0.csv", "2"}});
          }).ends_with("b-iter0.csv: file exists (EEXIST)"));
    CHECK(folder.names() == std::vector<std::string>{"b-iter0.csv"});
    CHECK(folder.text("b-iter0.csv") == "mine");
}

TEST_CASE("output folder: what is staged is thrown away, what is committed is finished") {
    const Folder folder;
    fs::create_directories(folder.path / ".dynmon-staging");
    folder.put(".dynmon-staging/a-iter0.csv", "half");
    fs::create_directories(folder.path / ".dynmon-committed");
    folder.put("results.csv", "a, b\n1, 2\nhalf a li");
    folder.put(".dynmon-committed/results.csv", "half a line, no\n");
    folder.put(".dynmon-committed/b-iter4.csv", "whole");
    folder.put(".dynmon-committed/.dynmon-export.json",
               R"({"version":1,"next":5,"windows":{"web":{"sequence":7,"to":80}},)"
               R"("appended":{"results.csv":{"at":10,"header":"a, b\n"}}})");
    const OutputDir dir(folder.path);
    CHECK(folder.names() == std::vector<std::string>{"b-iter4.csv", "results.csv"});
    CHECK(folder.text("results.csv") == "a, b\n1, 2\nhalf a line, no\n");
    CHECK(folder.text("b-iter4.csv") == "whole");
    CHECK(dir.next_iteration() == 5);
    CHECK(dir.has("web", {7, 0, 80, 1}));
}

TEST_CASE("output folder: one export at a time, and nothing is left of its lock") {
    const Folder folder;
    {
        const OutputDir dir(folder.path);
        CHECK(
            failure([&] { OutputDir other(folder.path); }).starts_with("another export writes to"));
    }
    CHECK_FALSE(fs::exists(folder.path / ".dynmon-lock"));
    OutputDir(folder.path);
}

TEST_CASE("output folder: no other user can lock it") {
    const Folder folder;
    const Fd held(::open(folder.path.c_str(), O_RDONLY | O_DIRECTORY)); // any reader can do so
    REQUIRE(::flock(held.get(), LOCK_EX | LOCK_NB) == 0);
    const OutputDir dir(folder.path);
    CHECK((fs::status(folder.path / ".dynmon-lock").permissions() & fs::perms::mask) ==
          (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("output folder: a folder that another user led elsewhere is not written to") {
    const Folder folder, target;
    fs::create_symlink(target.path, folder.path / "out");
    CHECK(failure([&] { OutputDir dir(folder.path / "out"); }).ends_with("out is a symbolic link"));
    CHECK(target.names().empty());
}

TEST_CASE("output folder: what is no file of ours is refused, and not waited for") {
    for (const std::string name : {".dynmon-export.json", ".dynmon-lock"}) {
        const Folder folder;
        REQUIRE(::mkfifo((folder.path / name).c_str(), 0600) == 0);
        CHECK(failure([&] { OutputDir dir(folder.path); }).ends_with(" is a FIFO, not a file"));
        fs::remove(folder.path / name);
        fs::create_symlink("/dev/zero", folder.path / name);
        CHECK(failure([&] {
                  OutputDir dir(folder.path);
              }).ends_with(" is a symbolic link, not a file"));
    }
    const Folder folder;
    OutputDir dir(folder.path);
    REQUIRE(::mkfifo((folder.path / "results.csv").c_str(), 0600) == 0);
    CHECK(failure([&] {
              dir.store(window(1, 0), {{"results.csv", "1, 2\n", header}});
          }).ends_with("results.csv is a FIFO, not a file"));
    REQUIRE(::mkfifo((folder.path / ".dynmon-popped-Q-1-10").c_str(), 0600) == 0);
    const std::string path = folder.path;
    CHECK(failure([&] {
              DrainFile(dir.fd(), path, "Q", window(1, 0).window, 8, 64);
          }).ends_with("is a FIFO, not a file"));
}

TEST_CASE("output folder: no more is read than dynmon may have written") {
    const Folder folder;
    folder.put(".dynmon-export.json", "{");
    fs::resize_file(folder.path / ".dynmon-export.json", std::uintmax_t{1} << 40); // sparse
    CHECK(failure([&] {
              OutputDir dir(folder.path);
          }).ends_with("has more than 1048576 bytes, which dynmon has not written"));
    fs::remove(folder.path / ".dynmon-export.json");
    const OutputDir dir(folder.path);
    folder.put(".dynmon-popped-Q-1-10", "");
    fs::resize_file(folder.path / ".dynmon-popped-Q-1-10", std::uintmax_t{1} << 40);
    const std::string path = folder.path;
    CHECK(failure([&] {
              DrainFile(dir.fd(), path, "Q", window(1, 0).window, 8, 64);
          }).ends_with("has more than 4294967296 bytes, which dynmon has not written"));
}

namespace {

void plant_committed(const Folder& folder) {
    fs::create_directory(folder.path / ".dynmon-committed");
    folder.put(".dynmon-committed/results.csv", "1, 2\n");
    folder.put(".dynmon-committed/.dynmon-export.json",
               R"({"version":1,"next":5,"windows":{},)"
               R"("appended":{"results.csv":{"at":0,"header":"a, b\n"}}})");
}

} // namespace

TEST_CASE("output folder: a planted window overwrites no file that has another name") {
    const Folder folder;
    folder.put("precious", "mine");
    fs::create_hard_link(folder.path / "precious", folder.path / "results.csv");
    plant_committed(folder);
    CHECK(failure([&] {
              OutputDir dir(folder.path);
          }).find("results.csv has other names too (hard links)") != std::string::npos);
    CHECK(folder.text("precious") == "mine");
}

TEST_CASE("output folder: a window that others can have committed is refused") {
    const Folder folder;
    plant_committed(folder);
    fs::permissions(folder.path / ".dynmon-committed", fs::perms::all);
    CHECK(failure([&] {
              OutputDir dir(folder.path);
          }).ends_with(".dynmon-committed can be written to by others than its owner"));
    CHECK_FALSE(fs::exists(folder.path / "results.csv"));
}

TEST_CASE("output folder: the state is believed no further than dynmon writes it") {
    const Folder folder;
    const auto fault_of = [&](const std::string& text) {
        folder.put(".dynmon-export.json", text);
        const std::string fault = failure([&] { OutputDir dir(folder.path); });
        const std::string said = ".dynmon-export.json is damaged: ";
        const std::size_t at = fault.find(said);
        return at == std::string::npos ? fault : fault.substr(at + said.size());
    };
    const std::string start = R"({"version":1,"next":0,"windows":{)";
    CHECK(fault_of("{") == "it is no JSON object of dynmon");
    CHECK(fault_of("[]") == "it is no JSON object of dynmon");
    CHECK(fault_of(start + R"("a":{"b":{"c":{}}}}})") == "it is no JSON object of dynmon");
    CHECK(fault_of("{}") == "version is not a number from 0 to 1");
    CHECK(fault_of(R"({"version":2})").ends_with("was written by another version of dynmon"));
    CHECK(fault_of(R"({"version":1,"next":-1})") ==
          "next is not a number from 0 to " + std::to_string(most_iterations));
    CHECK(fault_of(R"({"version":1,"next":18446744073709551615})").starts_with("next is not"));
    CHECK(fault_of(R"({"version":1,"next":0,"windows":[]})") == "windows is not an object");
    CHECK(fault_of(start + R"("web":1}})") == "windows.web is not a window of a monitor");
    CHECK(fault_of(start + R"("../web":{}}})") == "windows.../web is not a window of a monitor");
    CHECK(
        fault_of(start + R"("web":{"sequence":"1","to":1}}})").starts_with("windows.web.sequence"));
    CHECK(fault_of(start + R"("web":{"sequence":1}}})").starts_with("windows.web.to is not"));
    for (const std::string name : {"../x", "/etc/x", ".dynmon-lock", ""})
        CHECK(fault_of(start + R"(}, "appended":{")" + name + R"(":{"at":0,"header":""}}})")
                  .ends_with(" is not a file of the folder"));
    CHECK(fault_of(start + R"(}, "appended":{"a\u0000":{"at":0,"header":""}}})") == "appended.a");
    CHECK(fault_of(start + R"(}, "appended":{"x":{"at":9223372036854775808,"header":""}}})")
              .starts_with("appended.x.at is not a number"));
    CHECK(fault_of(start + R"(}, "appended":{"x":{"at":1,"header":[]}}})")
              .starts_with("appended.x.header is not a text"));
    CHECK(fault_of(start + R"("web":{"sequence":1,"to":2}}})") == "");
}

TEST_CASE("output folder: a name with a number that has none behind it is no iteration") {
    const Folder folder;
    folder.put("result_18446744073709551615.json", "");
    folder.put("result_6.json", "");
    CHECK(OutputDir(folder.path).next_iteration() == 7);
}

TEST_CASE("popped file: elements outlive the run that popped them, gaps close, stored ones go") {
    const Folder folder;
    const OutputDir dir(folder.path);
    const std::string path = folder.path;
    const Window first{1, 0, 10, 1}, second{2, 10, 20, 1};
    const auto put = [](std::byte* room, std::initializer_list<std::uint64_t> values) {
        std::memcpy(room, values.begin(), values.size() * 8);
    };
    {
        DrainFile file(dir.fd(), path, "Q", first, 8, 64);
        CHECK(file.left_over().empty());
        put(file.next(32), {11, 0, 13, 14}); // the second one was put back
        put(file.next(32), {15});
    }
    {
        DrainFile file(dir.fd(), path, "Q", second, 8, 64);
        REQUIRE(file.left_over().size() == 4 * 8);
        std::uint64_t values[4];
        std::memcpy(values, file.left_over().data(), sizeof values);
        CHECK((values[0] == 11 && values[1] == 13 && values[2] == 14 && values[3] == 15));
        std::byte* const room = file.next(64);
        CHECK(std::all_of(room, room + 64, [](std::byte byte) { return byte == std::byte{0}; }));
        CHECK(folder.names() == std::vector<std::string>{".dynmon-popped-Q-2-20"});
    }
    DrainFile::remove_of(dir.fd(), path, 1, 10);
    CHECK(folder.names().size() == 1);
    DrainFile::remove_of(dir.fd(), path, 2, 20);
    CHECK(folder.names().empty());
}
