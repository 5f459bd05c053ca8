// SPDX-License-Identifier: BSD-2-Clause
#include "import/import.hpp"

#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "decode/check.hpp"
#include "import/link.hpp"
#include "import/plan.hpp"
#include "import/toolchain.hpp"
#include "import/yaml.hpp"
#include "manifest/rules.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

std::string source_name(Direction direction) {
    return std::string(to_string(direction)) + ".c";
}

// A document that went through a shell twice has \" where C has ". In C no backslash stands in
// front of the first quote of a line's text.
std::optional<std::string> without_escaped_quotes(const std::string& code) {
    bool found = false;
    for (std::size_t at = code.find("\\\""); at != std::string::npos && !found;
         at = code.find("\\\"", at + 2)) {
        const std::size_t start = code.rfind('\n', at) + 1; // npos + 1: the first line
        const std::string_view line(code.data() + start, at - start);
        found = line.find('"') == std::string_view::npos && line.find("//") == std::string::npos &&
                line.find('\'') == std::string_view::npos;
    }
    if (!found)
        return std::nullopt;
    std::string fixed;
    for (std::size_t i = 0; i < code.size(); ++i)
        if (code[i] != '\\' || i + 1 == code.size() || code[i + 1] != '"')
            fixed += code[i];
    return fixed;
}

class Importer {
public:
    Importer(const DynmonDocument& document, std::string file, const ImportOptions& options)
        : document_(document), file_(std::move(file)), options_(options) {}

    ImportedProbe run(const std::string& original, const std::string& document_name) {
        try {
            toolchain_ = find_toolchain(options_.clang);
            for (const DocumentPath& path : document_.paths)
                scan(path);
            plan_tables(paths_, probe_.remarks);
            check_metrics();
            build(document_name);
        } catch (const PathFault& fault) {
            report(fault);
        }
        probe_.files.insert(probe_.files.begin(), ImportedFile{document_name, original});
        write_readme(document_name);
        return std::move(probe_);
    }

private:
    // "ddos.json:7:1520: ingress-path, line 41, column 5 of its code: …"
    [[noreturn]] void report(const PathFault& fault) const {
        const DocumentPath& path = *fault.path;
        const CodeFault& code = fault.fault;
        Position at = path.code.at;
        std::string where;
        if (code.line > 0) {
            at = code_place(path.code, code.line, code.column);
            if (path.code.json)
                where = std::string(to_string(path.direction)) + "-path, line " +
                        std::to_string(code.line) + ", column " + std::to_string(code.column) +
                        " of its code: ";
        }
        throw Error(ErrorKind::usage, place_text(file_, at) + ": " + where + code.message)
            .hint(code.hint);
    }

    void scan(const DocumentPath& original) {
        sources_.push_back(std::make_unique<DocumentPath>(original));
        DocumentPath& path = *sources_.back();
        if (auto fixed = without_escaped_quotes(path.code.text)) {
            path.code.text = std::move(*fixed);
            probe_.remarks.push_back("The code of the " + std::string(to_string(path.direction)) +
                                     " path had `\\\"` in the place of `\"`: the backslashes are "
                                     "left out.");
        }
        const CodeFault refused = refused_by_its_text(path.code.text);
        if (refused.line != 0)
            throw PathFault{&path,
                            {refused.line, refused.column,
                             refused.message + " is not taken from a document", refused.hint}};
        const std::string file = source_name(path.direction);
        const Compiled text =
            compile(toolchain_, scanned_source(path, path.code.text, file), {"-E"});
        if (text.output.empty())
            throw_compiler(path, text);
        PlannedPath planned;
        planned.path = &path;
        try {
            planned.scanned = scan_code(text.output, file, path.code.text);
        } catch (const CodeFault& fault) {
            throw PathFault{&path, fault};
        }
        if (planned.scanned.drops && !options_.allow_drop)
            throw PathFault{&path,
                            {planned.scanned.drop_line, planned.scanned.drop_column,
                             "the code drops packets (RX_DROP), and the import does not allow it",
                             "--allow-drop gives the probe `verdict: drop`"}};
        paths_.push_back(std::move(planned));
    }

    [[noreturn]] static void throw_compiler(const DocumentPath& path, const Compiled& compiled) {
        CodeFault fault;
        fault.message = printable_line(compiled.fault.message, 300);
        if (compiled.fault.file == source_name(path.direction)) {
            fault.line = compiled.fault.line;
            fault.column = compiled.fault.column;
        } else if (!compiled.fault.file.empty()) {
            fault.message = compiled.fault.file + ":" + std::to_string(compiled.fault.line) + ": " +
                            fault.message;
        }
        if (compiled.more > 0)
            fault.message += " (and " + std::to_string(compiled.more) + " more)";
        if (fault.message.find("implicit declaration of function") != std::string::npos ||
            fault.message.find("undeclared function") != std::string::npos)
            fault.hint = "dynmon-load-import(1) lists the functions that there are";
        throw PathFault{&path, fault};
    }

    void check_metrics() {
        for (PlannedPath& path : paths_) {
            for (const DocumentMetric& metric : path.path->metrics) {
                if (path.table(metric.map_name) != nullptr)
                    continue;
                std::vector<std::string> names;
                for (const PlannedTable& table : path.tables)
                    names.push_back(table.declared.name);
                throw_document(metric.map_at,
                               "metric '" + metric.name + "' is of the table '" + metric.map_name +
                                   "', and the code of its path has none",
                               names);
            }
        }
    }

    [[noreturn]] void throw_document(Position at, const std::string& message,
                                     const std::vector<std::string>& names) const {
        std::string list;
        for (const std::string& name : names)
            list += (list.empty() ? "" : ", ") + name;
        throw Error(ErrorKind::usage, place_text(file_, at) + ": " + message)
            .hint(list.empty() ? "the code declares no table" : "its tables are " + list);
    }

    void build(const std::string& document_name) {
        const Compiled core = compile(toolchain_, "#include \"bare.h\"\n", {"-c"});
        if (core.output.empty())
            throw Error(ErrorKind::failed, "compile bare.h: " + core.fault.message);
        std::vector<std::string> objects{core.output};
        for (PlannedPath& path : paths_) {
            const std::string file = source_name(path.path->direction);
            path.unordered = only_adds(path);
            const std::string source =
                planned_source(path, options_.allow_drop && path.scanned.drops, file);
            const Compiled tc = compile(toolchain_, source, {"-c"});
            if (tc.output.empty())
                throw_compiler(*path.path, tc);
            objects.push_back(tc.output);
            if (path.path->direction == Direction::ingress)
                add_xdp(source, objects);
            probe_.files.push_back(
                {std::string(to_string(path.path->direction)) + ".bpf.c", source});
        }
        std::vector<std::byte> linked = link_objects(objects);
        const std::string object(reinterpret_cast<const char*>(linked.data()), linked.size());
        const Object opened = Object::parse(std::move(linked), options_.name + ".bpf.o");
        probe_.files.push_back({options_.name + ".bpf.o", object});
        probe_.files.push_back(
            {"probe.yaml", "# Made by dynmon-load import of " + document_name +
                               ": import it again rather than change this.\n" +
                               manifest_to_yaml(manifest(opened, document_name))});
    }

    // Since version 20 clang compiles __sync_fetch_and_add() to an instruction that returns the old
    // value, which Linux before 5.12 refuses, even where the code does not use the value. An
    // addition without order avoids it, but then clang 22 silently returns the amount in place of
    // the old value. With -mcpu=v2 it refuses code that uses the value.
    bool only_adds(const PlannedPath& path) const {
        constexpr int first_ordered = 20;
        if (toolchain_.version < first_ordered ||
            (!path.scanned.increments &&
             path.path->code.text.find("__sync_") == std::string::npos &&
             path.path->code.text.find("lock_xadd") == std::string::npos))
            return false;
        PlannedPath unordered = path;
        unordered.unordered = true;
        const std::string source =
            planned_source(unordered, false, source_name(path.path->direction));
        const auto asks = [&](const std::vector<std::string>& options) {
            return compile(toolchain_, source, options).fault.message.find("XADD") !=
                   std::string::npos;
        };
        return !asks({"-c", "-mcpu=v2"}) && (path.path->direction == Direction::egress ||
                                             !asks({"-c", "-mcpu=v2", "-DPOLYCUBE_XDP"}));
    }

    void add_xdp(const std::string& source, std::vector<std::string>& objects) {
        const Compiled xdp = compile(toolchain_, source, {"-c", "-DPOLYCUBE_XDP"});
        if (!xdp.output.empty()) {
            objects.push_back(xdp.output);
            return;
        }
        probe_.no_xdp = xdp.fault.message;
        probe_.remarks.push_back("It is for TC only: for XDP its ingress code does not compile (`" +
                                 xdp.fault.message + "`, line " + std::to_string(xdp.fault.line) +
                                 ").");
    }

    const PlannedPath& planned(Direction direction) const {
        return paths_.front().path->direction == direction ? paths_.front() : paths_.back();
    }

    Manifest manifest(const Object& object, const std::string& document_name) {
        Manifest manifest;
        manifest.name = options_.name;
        manifest.description = "Imported from a document of Dynmon.";
        manifest.object = options_.name + ".bpf.o";
        if (document_.type.starts_with("XDP") && probe_.no_xdp.empty())
            manifest.hook = HookKind::xdp;
        if (document_.type == "XDP_SKB")
            manifest.xdp_mode = XdpMode::generic;
        Imported imported{.document = document_name, .ingress = "", .egress = ""};
        std::set<std::string> swapped;
        for (const PlannedPath& path : paths_)
            for (const DocumentMetric& metric : path.path->metrics)
                if (metric.swap_on_read)
                    swapped.insert(path.table(metric.map_name)->label);
        for (const PlannedPath& path : paths_)
            for (const PlannedTable& table : path.tables)
                if (path.path->metrics.empty() && table.declared.swap)
                    swapped.insert(table.label);
        for (const DocumentPath& of : document_.paths) {
            const PlannedPath& path = planned(of.direction);
            // The document as it is counts, not what is compiled.
            (of.direction == Direction::ingress ? imported.ingress : imported.egress) =
                path_digest(of);
            if (options_.allow_drop && path.scanned.drops)
                manifest.may.insert(Power::drop);
            manifest.paths.push_back(path_config(path, object, swapped));
        }
        probe_.ingress = imported.ingress;
        probe_.egress = imported.egress;
        manifest.imported = imported;
        return manifest;
    }

    PathConfig path_config(const PlannedPath& path, const Object& object,
                           const std::set<std::string>& swapped) {
        PathConfig config;
        config.direction = path.path->direction;
        config.name = path.path->name;
        const bool ingress = config.direction == Direction::ingress;
        config.program = ingress ? "dynmon_ingress" : "dynmon_egress";
        if (ingress && probe_.no_xdp.empty())
            config.xdp_program = "dynmon_ingress_xdp";
        const std::vector<std::string> names = metric_identifiers(*path.path);
        for (std::size_t i = 0; i < names.size(); ++i)
            add_metric(path, path.path->metrics[i], names[i], swapped, object, config);
        if (path.path->metrics.empty() &&
            (path.scanned.attributes || document_.shape == DocumentShape::source))
            for (const PlannedTable& table : path.tables)
                add_table(path, table, swapped, object, config);
        add_lost(path, config);
        return config;
    }

    // Where no metric is given: each table, or those that DeChainy's attributes export.
    void add_table(const PlannedPath& path, const PlannedTable& table,
                   const std::set<std::string>& swapped, const Object& object, PathConfig& config) {
        if (path.scanned.attributes && !table.declared.exported)
            return;
        DocumentMetric metric{.name = table.declared.name, .map_name = table.declared.name};
        metric.swap_on_read = table.declared.swap;
        metric.empty_on_read = table.declared.empty;
        add_metric(path, metric, table.declared.name, swapped, object, config);
    }

    void add_metric(const PlannedPath& path, const DocumentMetric& metric, const std::string& name,
                    const std::set<std::string>& swapped, const Object& object,
                    PathConfig& config) {
        const PlannedTable& table = *path.table(metric.map_name);
        const std::string said = "Metric \"" + metric.name + "\" ";
        MetricConfig made;
        made.name = name;
        made.map_name = table.label;
        if (name != metric.name) {
            made.help = metric.name;
            probe_.remarks.push_back(said + "is called `" + name + "`.");
        }
        made.swap_on_read = swapped.contains(table.label);
        if (made.swap_on_read != metric.swap_on_read)
            probe_.remarks.push_back(said + "is swapped on read, because another metric of the "
                                            "same map is.");
        made.empty_on_read = metric.empty_on_read;
        const MapInfo* map = object.map(table.label);
        if (map == nullptr || !is_readable(map->type)) {
            probe_.remarks.push_back(said + "is left out: a map of kind " + table.kind +
                                     " is not read (nor did Polycube).");
            return;
        }
        if (metric.open_metrics) {
            made.open_metrics = open_metrics(metric, said, made);
            std::vector<Diagnostic> found;
            check_metric(made, object, found);
            if (!found.empty()) {
                probe_.remarks.push_back(
                    said + "has no open-metrics-metadata: " + found.front().message + ".");
                made.open_metrics.reset();
            }
        }
        config.metrics.push_back(std::move(made));
    }

    OpenMetrics open_metrics(const DocumentMetric& metric, const std::string& said,
                             const MetricConfig& made) {
        const DocumentOpenMetrics& from = *metric.open_metrics;
        OpenMetrics to;
        to.help = from.help.empty() ? metric.name : from.help;
        if (from.type == "counter")
            to.type = MetricType::counter;
        else if (from.type == "gauge")
            to.type = MetricType::gauge;
        else if (from.type != "untyped")
            probe_.remarks.push_back(said + "is of type untyped: its values are no " + from.type +
                                     " (Polycube printed them one by one under that name).");
        for (const auto& [name, value] : from.labels) {
            if (rule::label_name.holds(name))
                to.labels.push_back({.name = name, .value = value, .field = ""});
            else
                probe_.remarks.push_back(said + "has no label '" + name +
                                         "': " + rule::label_name.says + ".");
        }
        std::string family(without_total(made.name));
        for (char& c : family)
            c = c == '-' ? '_' : c;
        if (family.front() >= '0' && family.front() <= '9')
            family.insert(0, 1, '_');
        if (!rule::family_name.holds(family))
            family += "_value";
        if (family != made.name &&
            (family != without_total(made.name) || to.type != MetricType::counter)) {
            to.series.push_back({.name = family, .field = "", .unit = "", .help = ""});
            if (family != without_total(made.name))
                probe_.remarks.push_back(said + "is the series `" + family + "` in OpenMetrics.");
        }
        return to;
    }

    // Behind the metrics of the document, so that those keep their places.
    static void add_lost(const PlannedPath& path, PathConfig& config) {
        for (const PlannedTable& table : path.tables)
            if (table.declared.keyless && table.owned)
                config.metrics.push_back(
                    {.name = table.lost,
                     .map_name = table.lost,
                     .help = "What found " + table.label + " full and was not kept."});
    }

    void write_readme(const std::string& document_name) {
        std::string text = "# " + options_.name + "\n\nMade by `dynmon-load import` of `" +
                           document_name + "`.\n\n";
        text += "| file | is |\n|---|---|\n| `" + document_name + "` | the document |\n";
        for (const PlannedPath& path : paths_)
            text += "| `" + std::string(to_string(path.path->direction)) +
                    ".bpf.c` | the code of that path, as it is compiled |\n";
        text += "| `" + options_.name + ".bpf.o` | the object |\n| `probe.yaml` | the manifest |\n";
        text += "\n## What is otherwise than in Polycube\n\n";
        std::vector<std::string> remarks = probe_.remarks;
        for (const std::string& remark : standing_remarks())
            remarks.push_back(remark);
        for (const std::string& remark : remarks)
            text += "* " + remark + "\n";
        probe_.files.push_back({"README.md", text});
    }

    std::vector<std::string> standing_remarks() const {
        std::vector<std::string> remarks;
        bool logs = false, time = false, lost = false, ends = false;
        for (const PlannedPath& path : paths_) {
            logs = logs || path.scanned.logs;
            time = time || path.scanned.sets_time;
            ends = ends || path.scanned.makes_or_ends;
            for (const PlannedTable& table : path.tables)
                lost = lost || table.declared.keyless;
        }
        remarks.emplace_back("A packet passes whatever the code returns; Polycube dropped it for "
                             "all but RX_OK.");
        if (options_.allow_drop)
            remarks.back() = "A packet is dropped for all results but RX_OK, as in Polycube.";
        if (logs)
            remarks.emplace_back("`pcn_log` does nothing.");
        if (time)
            remarks.emplace_back("`pcn_get_time_epoch()` follows the clock of the machine; "
                                 "Polycube's kept the error of its start.");
        if (lost)
            remarks.emplace_back("What finds a queue full is counted in `NAME_lost`.");
        if (ends)
            remarks.emplace_back("Where `lookup_or_init()` finds a table full, the code goes on "
                                 "with a value that is in no table; BCC ended the program.");
        remarks.emplace_back("A swap shows each packet in one window, and all maps of a path are "
                             "of the same one.");
        return remarks;
    }

    const DynmonDocument& document_;
    std::string file_;
    ImportOptions options_;
    Toolchain toolchain_;
    std::vector<std::unique_ptr<DocumentPath>> sources_;
    std::vector<PlannedPath> paths_;
    ImportedProbe probe_;
};

} // namespace

ImportedProbe import_document(const DynmonDocument& document, const std::string& original,
                              const std::string& document_name, const std::string& file,
                              const ImportOptions& options) {
    return Importer(document, file, options).run(original, document_name);
}

} // namespace dynmon
