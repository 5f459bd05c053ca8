// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "kernel/rights.hpp"
#include "object/probe.hpp"
#include "object/traced_code.hpp"
#include "object/trust.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view model = "template"; // the probe that a new one starts from

struct NewFile {
    std::string name;
    std::string text;
    bool executable = false;
};

// Names of the C functions, the manifest and the file are made of it.
void require_c_name(const std::string& name) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    const auto is_good = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
    constexpr std::size_t longest = 63;
    if (name.empty() || name.size() > longest || !is_letter(name.front()) ||
        !std::all_of(name.begin(), name.end(), is_good))
        throw Error(ErrorKind::usage, "'" + name + "' is no name of a new probe")
            .hint("C functions are named after it: 1 to 63 of A-Z a-z 0-9 _, no digit first");
    for (const char* taken : {"dynmon_", "DYNMON_", "__"})
        if (name.starts_with(taken))
            throw Error(ErrorKind::usage, "'" + name + "' is no name of a new probe")
                .hint(std::string("names that start with ") + taken + " are taken");
}

std::string replace_all(std::string text, std::string_view from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos;
         at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

// For a shell, and as it is where that is the same.
std::string quoted(const std::string& path) {
    const bool plain = path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-./+,:@%") == std::string::npos;
    return plain ? path : "'" + replace_all(path, "'", "'\\''") + "'";
}

// In Python.
std::string literal(const std::string& text) {
    return '"' + replace_all(replace_all(text, "\\", "\\\\"), "\"", "\\\"") + '"';
}

// The Makefile.bpf of the source tree that the template lies in, or of the installation, wherever
// that was moved to. Root will run it: one that another user put into a folder above is not taken.
std::string find_makefile(const fs::path& folder) {
    constexpr int lib_dynmon_probes_and_more = 6;
    fs::path above = fs::absolute(folder).lexically_normal();
    for (int i = 0; i < lib_dynmon_probes_and_more && above.has_relative_path(); ++i) {
        above = above.parent_path();
        for (const char* place : {"Makefile.bpf", "share/dynmon/Makefile.bpf"}) {
            const bool in_tree =
                fs::path(place).has_parent_path() || fs::exists(above / "bpf/dynmon.h");
            if (in_tree && is_trusted((above / place).string()))
                return (above / place).string();
        }
    }
    return DYNMON_MAKEFILE;
}

// Some file systems cannot refuse to overwrite; they still refuse a folder with something in it.
int rename_to_new(const fs::path& from, const fs::path& to) {
    const int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
    return result != 0 && errno == EINVAL ? ::rename(from.c_str(), to.c_str()) : result;
}

std::string own_path() {
    std::error_code fault;
    const fs::path path = fs::read_symlink("/proc/self/exe", fault);
    return fault ? "dynmon-load" : path.string();
}

// Just made, as `path`: a user who may write to the folder above could have exchanged it.
Fd open_stage(const fs::path& path) {
    Fd stage(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!stage)
        throw Error(ErrorKind::failed, "open " + path.string(), errno);
    require_own_way(stage.get(), path.string());
    return stage;
}

void write_file(const Fd& folder, const fs::path& path, const NewFile& file) {
    const Fd out(::openat(folder.get(), file.name.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          file.executable ? 0777 : 0666));
    if (!out)
        throw Error(ErrorKind::failed, "make " + path.string(), errno);
    for (std::size_t done = 0; done < file.text.size();) {
        const ssize_t count = ::write(out.get(), file.text.data() + done, file.text.size() - done);
        if (count < 0 && errno != EINTR)
            throw Error(ErrorKind::failed, "write " + path.string(), errno);
        done += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
}

class NewVerb : public Verb {
public:
    const char* name() const override { return "new"; }
    const char* summary() const override {
        return "write the source of a new probe, with a test, that builds and counts at once";
    }
    const char* example() const override {
        return "dynmon-load new hello\n"
               "  dynmon-load new hello --dir my-probes\n\n"
               "Makes the folder hello with hello.bpf.c, probe.yaml, README.md and test_hello.py, "
               "which are\n"
               "the installed probe `template` under another name. Nothing is overwritten.";
    }

    void declare(CLI::App& app) override {
        app.add_option("NAME", name_, "name of the probe, an identifier of C")->required();
        app.add_option("--dir", dir_, "where its folder is made; default: here")->type_name("DIR");
    }

    int run(const Global& global) override {
        require_c_name(name_);
        drop_rights(); // the folder may belong to any user
        const fs::path target = fs::path(dir_) / name_;
        during("new '" + name_ + "'", [&] {
            // Never from the current folder: its owner would write what root is to run.
            const FoundProbe source = find_installed_probe(std::string(model));
            makefile_ = find_makefile(fs::path(source.path).parent_path());
            publish(files_from(source), target);
        });
        report(global, fs::absolute(target).lexically_normal());
        return 0;
    }

private:
    std::array<NewFile, 4> files_from(const FoundProbe& source) const {
        const auto read = [&](const std::string& file) {
            const fs::path path = fs::path(source.path).parent_path() / file;
            return during("the probe '" + std::string(model) + "' is not whole", [&] {
                const auto bytes =
                    read_trusted(path.string(), limits::manifest_bytes, source.trust);
                return replace_all({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                   model, name_);
            });
        };
        const std::string test = "test_" + std::string(model) + ".py";
        NewFile program{name_ + ".bpf.c", read(std::string(model) + ".bpf.c")};
        NewFile manifest{"probe.yaml", read("probe.yaml")};
        NewFile readme{"README.md", replace_all(read("README.md"), "-f Makefile.bpf",
                                                "-f " + quoted(makefile_))};
        NewFile script{"test_" + name_ + ".py", read(test), true};
        script.text = replace_all(script.text, "\"Makefile.bpf\"", literal(makefile_));
        script.text = replace_all(script.text, "\"dynmon-load\"", literal(own_path()));
        return {program, manifest, readme, script};
    }

    // Under another name first: the folder is there whole or not at all.
    void publish(const std::array<NewFile, 4>& files, const fs::path& target) const {
        const fs::path stage =
            fs::path(dir_) / ("." + name_ + ".new-" + std::to_string(::getpid()));
        if (fs::exists(fs::symlink_status(target)))
            throw Error(ErrorKind::usage, target.string() + " is there already, and is left alone")
                .hint("choose another name or another --dir");
        std::error_code fault;
        if (!fs::exists(fs::path(dir_), fault) && !fault)
            throw Error(ErrorKind::usage, "make a folder in " + dir_, ENOENT)
                .hint("mkdir -p " + quoted(dir_));
        if (::mkdir(stage.c_str(), 0777) != 0)
            throw Error(ErrorKind::failed, "make a folder in " + dir_, errno)
                .hint("name another folder: --dir DIR");
        Undo undo;
        undo.add([&] {
            std::error_code ignored;
            fs::remove_all(stage, ignored);
        });
        const Fd folder = open_stage(stage);
        for (const NewFile& file : files)
            write_file(folder, stage / file.name, file);
        if (rename_to_new(stage, target) != 0)
            throw Error(ErrorKind::failed, "put the folder at " + target.string(), errno);
        undo.commit();
    }

    void report(const Global& global, const fs::path& folder) const {
        const std::string build =
            "make -f " + quoted(makefile_) + " PROBES=" + quoted(folder.parent_path().string());
        const std::string test = "sudo " + quoted((folder / ("test_" + name_ + ".py")).string());
        print_result(
            global,
            {{"probe", name_}, {"folder", folder.string()}, {"build", build}, {"test", test}},
            "made " + folder.string() + "\n  build it: " + build + "\n  test it:  " + test +
                "\n  then:     dynmon-load check build/probes/" + name_);
    }

    std::string name_;
    std::string dir_ = ".";
    std::string makefile_;
};

} // namespace

std::unique_ptr<Verb> make_new_verb() {
    return std::make_unique<NewVerb>();
}

} // namespace dynmon
