// SPDX-License-Identifier: BSD-2-Clause
#include "import/import.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "kernel/rights.hpp"
#include "manifest/rules.hpp"
#include "object/new_folder.hpp"
#include "object/object.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string text_of(const std::string& path) {
    const auto bytes = read_file(path, limits::manifest_bytes);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Names of files and monitors are made of it.
std::string probe_name(const std::string& text) {
    constexpr std::size_t longest = 63;
    std::string name;
    for (const char c : text) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '-';
        name += good ? c : '_';
    }
    while (name.starts_with('-') || name.starts_with('_'))
        name.erase(0, 1);
    return name.empty() ? "imported" : name.substr(0, longest);
}

class ImportVerb : public Verb {
public:
    const char* name() const override { return "import"; }
    const char* summary() const override {
        return "make a probe of a document of Dynmon (Polycube)";
    }
    const char* example() const override {
        return "dynmon-load import ddos.json\n"
               "  dynmon-load import ddos.json --out probes/ddos --allow-drop\n"
               "  dynmon-load import ingress.c --egress egress.c --metrics metrics.json\n\n"
               "Makes a folder with the object, probe.yaml, the document and a README that says\n"
               "what is otherwise than in Polycube. The code is compiled in a sandbox, by clang\n"
               "14 or later. Nothing is overwritten.";
    }

    void declare(CLI::App& app) override {
        app.add_option("DOC", documents_, "documents (JSON), or the C source of an ingress path")
            ->required();
        app.add_option("--out", out_,
                       "folder of the probe, whose name is that of the probe; default: the "
                       "document's name, here")
            ->type_name("DIR");
        app.add_flag("--allow-drop", allow_drop_,
                     "the probe may drop packets: RX_DROP does it, and the manifest says so");
        app.add_option("--metrics", metrics_,
                       "metrics of a C source, a list of metric-configs; "
                       "default: one of each table")
            ->type_name("FILE");
        app.add_option("--egress", egress_, "C source of the egress path beside DOC")
            ->type_name("FILE");
        app.add_option("--egress-metrics", egress_metrics_, "the same as --metrics of --egress")
            ->type_name("FILE");
        app.add_option("--define", defines_,
                       "a macro that is defined before the code, as its author expects it: "
                       "NAME or NAME=VALUE; may stand several times")
            ->type_name("NAME[=VALUE]")
            ->allow_extra_args(false);
        app.add_option("--clang", clang_, "the compiler; default: the newest clang on PATH")
            ->type_name("FILE");
    }

    int run(const Global& global) override {
        if (documents_.size() > 1 && !out_.empty())
            throw Error(ErrorKind::usage, "--out is for one document, and there are " +
                                              std::to_string(documents_.size()))
                .hint("import one after the other");
        drop_rights(); // the folder may belong to any user
        for (const std::string& file : documents_) {
            try {
                import(global, file);
            } catch (Error& error) {
                if (std::string_view(error.what()).find(file) == std::string_view::npos)
                    error.during("import " + file);
                throw;
            }
        }
        return 0;
    }

private:
    static bool is_source(const std::string& file) { return file.ends_with(".c"); }

    DynmonDocument parse(const std::string& file, const std::string& text) const {
        if (!is_source(file)) {
            if (!metrics_.empty() || !egress_.empty())
                throw Error(ErrorKind::usage, "--metrics and --egress are for a C source, and " +
                                                  file + " has both in it");
            return parse_dynmon_document(text, file);
        }
        const auto metrics_in = [](const std::string& path) {
            return path.empty() ? std::string() : text_of(path);
        };
        DynmonDocument document =
            parse_dynmon_source(text, Direction::ingress, metrics_in(metrics_), metrics_);
        if (!egress_.empty()) {
            DynmonDocument other = parse_dynmon_source(
                text_of(egress_), Direction::egress, metrics_in(egress_metrics_), egress_metrics_);
            document.paths.push_back(std::move(other.paths.front()));
        }
        return document;
    }

    // What stands in a line of the preprocessor must not become two.
    std::map<std::string, std::string> defines() const {
        std::map<std::string, std::string> defines;
        for (const std::string& text : defines_) {
            const std::size_t equals = text.find('=');
            const std::string name = text.substr(0, equals);
            const std::string value = equals == std::string::npos ? "1" : text.substr(equals + 1);
            const std::string good = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789_";
            if (!rule::c_name.holds(name) || name.starts_with("dynmon_") ||
                name.starts_with("DYNMON_") ||
                value.find_first_not_of(good + " +-*/%()<>.") != std::string::npos)
                throw Error(ErrorKind::usage, "--define " + text + " is no macro")
                    .hint("NAME or NAME=VALUE, where VALUE is a number, a name or a sum of such");
            defines[name] = value;
        }
        return defines;
    }

    void import(const Global& global, const std::string& file) {
        const std::string text = text_of(file);
        DynmonDocument document = parse(file, text);
        for (DocumentPath& path : document.paths)
            path.defines = defines();
        fs::path target = out_;
        if (out_.empty())
            target = probe_name(fs::path(file).stem().string());
        else if (!target.has_filename())
            target = target.parent_path();
        ImportOptions options{.name = probe_name(target.filename().string()),
                              .allow_drop = allow_drop_,
                              .clang = clang_};
        const ImportedProbe probe = import_document(
            document, text, is_source(file) ? "document.c" : "document.json", file, options);
        std::vector<NewFile> files;
        for (const ImportedFile& made : probe.files)
            files.push_back({made.name, made.text});
        publish_folder(files, target);
        Undo undo;
        undo.add([&] {
            std::error_code ignored;
            fs::remove_all(target, ignored);
        });
        require_good(target, file);
        undo.commit();
        report(global, probe, options.name, fs::absolute(target).lexically_normal());
    }

    // As `check` sees it: what would be refused when it is loaded is no result of an import.
    static void require_good(const fs::path& folder, const std::string& file) {
        const CheckedProbe checked = check_files(fs::absolute(folder).string(), Purpose::look);
        if (checked.diagnostics.empty())
            return;
        const Diagnostic& first = checked.diagnostics.front();
        throw Error(ErrorKind::rejected, file + ": " + first.message).hint(first.hint);
    }

    static void report(const Global& global, const ImportedProbe& probe, const std::string& name,
                       const fs::path& folder) {
        ordered_json document{{"probe", name}, {"folder", folder.string()}};
        if (!probe.ingress.empty())
            document["ingress"] = probe.ingress;
        if (!probe.egress.empty())
            document["egress"] = probe.egress;
        document["xdp"] = probe.no_xdp.empty() && !probe.ingress.empty();
        document["remarks"] = probe.remarks;
        std::string text = "made " + folder.string();
        for (const std::string& remark : probe.remarks)
            text += "\n  " + remark;
        text += "\n  check it: sudo dynmon-load check --kernel " + quoted(folder.string()) +
                "\n  load it:  sudo dynmon-load load " + name + " " + quoted(folder.string()) +
                " --dev DEV";
        print_result(global, document, text);
    }

    std::vector<std::string> documents_;
    std::string out_;
    std::string metrics_;
    std::string egress_;
    std::string egress_metrics_;
    std::vector<std::string> defines_;
    std::string clang_;
    bool allow_drop_ = false;
};

} // namespace

std::unique_ptr<Verb> make_import_verb() {
    return std::make_unique<ImportVerb>();
}

} // namespace dynmon
