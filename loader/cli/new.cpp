// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "kernel/rights.hpp"
#include "object/new_folder.hpp"
#include "object/probe.hpp"
#include "object/trust.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view model = "template"; // the probe that a new one starts from

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

std::string own_path() {
    std::error_code fault;
    const fs::path path = fs::read_symlink("/proc/self/exe", fault);
    return fault ? "dynmon-load" : path.string();
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
            publish_folder(files_from(source), target);
        });
        report(global, fs::absolute(target).lexically_normal());
        return 0;
    }

private:
    std::vector<NewFile> files_from(const FoundProbe& source) const {
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
