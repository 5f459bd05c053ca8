// SPDX-License-Identifier: BSD-2-Clause
#include <fstream>
#include <functional>
#include <string>

#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "object/test_objects.hpp"
#include "object/trust.hpp"

using namespace dynmon;

namespace {

namespace fs = std::filesystem;

constexpr uid_t stranger = 65534;

// A file in a folder in a folder, all of the caller.
class Tree {
public:
    Tree() {
        fs::create_directories(inner());
        std::ofstream(file()) << "text";
        fs::permissions(outer(), fs::perms(0755));
        fs::permissions(inner(), fs::perms(0755));
        fs::permissions(file(), fs::perms(0644));
    }
    fs::path outer() const { return folder_ / "outer"; }
    fs::path inner() const { return outer() / "inner"; }
    fs::path file() const { return inner() / "file"; }

private:
    test::TemporaryFolder folder_;
};

std::string refusal(const std::function<std::vector<std::byte>()>& read) {
    try {
        const std::size_t size = read().size();
        CHECK(size == 4);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::rejected);
        CHECK_FALSE(error.hint().empty());
        return error.what();
    }
}

std::string by_rule(const fs::path& path) {
    return refusal([&] { return read_trusted(path.string(), 100, Trust()); });
}

std::string by_name(const fs::path& path) {
    return refusal([&] { return read_named(path.string(), 100); });
}

void give(const fs::path& path, uid_t owner) {
    REQUIRE(::lchown(path.c_str(), owner, static_cast<gid_t>(-1)) == 0);
}

} // namespace

TEST_CASE("a list that cannot be read is a refusal that says why, with the errno") {
    const Tree tree;
    try {
        read_trusted_text((tree.inner() / "none").string(), "allow list");
        FAIL("read");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::rejected);
        CHECK(error.error_number() == ENOENT);
        CHECK(error.chain() ==
              std::vector<std::string>{"allow list", "open " + (tree.inner() / "none").string()});
        CHECK(error.hint() == "nothing is loaded until it can be read");
    }
}

TEST_CASE("a file of the caller in folders of the caller is read, by whole and by short names") {
    const Tree tree;
    CHECK(by_rule(tree.file()) == "");
    CHECK(by_rule(tree.inner() / ".." / "inner" / "." / "file") == "");
    const fs::path before = fs::current_path();
    fs::current_path(tree.inner());
    CHECK(by_rule("file") == "");
    CHECK(by_rule("../inner/file") == "");
    fs::current_path(before);
}

TEST_CASE("what others can write to is not believed: the file and each folder above it") {
    const Tree tree;
    for (const fs::path& path : {tree.file(), tree.inner(), tree.outer()}) {
        for (const fs::perms open : {fs::perms::group_write, fs::perms::others_write}) {
            fs::permissions(path, open, fs::perm_options::add);
            const std::string said = path.string() + " can be written to by others than its owner";
            CHECK(by_rule(tree.file()) == said);
            CHECK(by_name(tree.file()) == said);
            CHECK_FALSE(is_trusted(tree.file()));
            fs::permissions(path, open, fs::perm_options::remove);
        }
    }
    CHECK(is_trusted(tree.file()));
}

TEST_CASE("a sticky folder is as good as its entries' owners") {
    const Tree tree;
    fs::permissions(tree.outer(), fs::perms(01777));
    CHECK(by_rule(tree.file()) == "");
    fs::permissions(tree.inner(), fs::perms(01777));
    CHECK(by_rule(tree.file()) == "");
}

TEST_CASE("links are followed in folders, and believed as what they lie in is; the file is none") {
    const Tree tree;
    fs::create_directory_symlink(tree.inner(), tree.outer() / "whole");
    fs::create_directory_symlink("inner", tree.outer() / "short");
    CHECK(by_rule(tree.outer() / "whole/file") == "");
    CHECK(by_rule(tree.outer() / "short/../short/file") == "");
    fs::permissions(tree.inner(), fs::perms(0777));
    CHECK(by_rule(tree.outer() / "whole/file").starts_with(tree.inner().string()));
    fs::permissions(tree.inner(), fs::perms(0755));
    fs::create_symlink("file", tree.inner() / "link");
    fs::create_directory_symlink("round", tree.outer() / "round");
    const auto said = [](const fs::path& path) -> std::string {
        try {
            read_trusted(path.string(), 100, Trust());
            return "";
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            return error.what();
        }
    };
    CHECK(said(tree.inner() / "link") == (tree.inner() / "link").string() + " is a symbolic link");
    CHECK(said(tree.outer() / "round/file").ends_with("(ELOOP)"));
    CHECK(said(tree.outer() / "none/file").ends_with("(ENOENT)"));
    CHECK(said(tree.file() / "file").ends_with("(ENOTDIR)"));
    CHECK(said(tree.inner()) == tree.inner().string() + " is a directory, not a file");
}

TEST_CASE("what another user owns is believed only where the caller names it" *
          doctest::skip(geteuid() != 0)) {
    const Tree tree;
    for (const fs::path& path : {tree.file(), tree.inner(), tree.outer()}) {
        give(path, stranger);
        CHECK(by_rule(tree.file()) == path.string() + " belongs to user 65534, not to root");
        give(path, 0);
    }
    give(tree.inner(), stranger); // the file is root's, the folder is not: root named a file
    CHECK(by_name(tree.file()).starts_with(tree.inner().string() + " belongs to user 65534"));
    give(tree.file(), stranger);
    CHECK(by_name(tree.file()) == "");
    give(tree.outer(), stranger - 1); // a user who can exchange the folder decides as well
    CHECK(by_name(tree.file()).starts_with(tree.outer().string() + " belongs to user 65533"));
}

TEST_CASE("in a folder in which everybody can make files a name is no proof" *
          doctest::skip(geteuid() != 0)) {
    const Tree tree;
    fs::permissions(tree.outer(), fs::perms(01777));
    give(tree.inner(), stranger);
    give(tree.file(), stranger);
    CHECK(by_name(tree.file()) ==
          tree.inner().string() + " belongs to user 65534, and anybody can have put it into the "
                                  "folder that it is in");
    give(tree.inner(), 0);
    give(tree.file(), 0);
    fs::create_directory_symlink("inner", tree.outer() / "link");
    CHECK(by_rule(tree.outer() / "link/file") == "");
    give(tree.outer() / "link", stranger);
    CHECK(by_name(tree.outer() / "link/file").starts_with((tree.outer() / "link").string()));
}

TEST_CASE("to look at a file is not to believe it" * doctest::skip(geteuid() != 0)) {
    const Tree tree;
    give(tree.file(), stranger);
    CHECK(read_trusted(tree.file().string(), 100, Trust(Purpose::look)).size() == 4);
}
