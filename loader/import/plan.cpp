// SPDX-License-Identifier: BSD-2-Clause
#include "import/plan.hpp"

#include <cctype>
#include <set>

namespace dynmon {

namespace {

bool is_extern(const DeclaredTable& table) {
    return table.kind == "extern";
}

std::string upper(std::string text) {
    for (char& c : text)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

PlannedTable* find(std::vector<PlannedPath>& paths, const PlannedPath& but, std::string_view name) {
    for (PlannedPath& path : paths) {
        if (&path == &but)
            continue;
        for (PlannedTable& table : path.tables)
            if (table.declared.name == name)
                return &table;
    }
    return nullptr;
}

void find_owner(std::vector<PlannedPath>& paths, PlannedPath& path, PlannedTable& table) {
    const PlannedTable* owner = find(paths, path, table.declared.name);
    if (owner == nullptr || is_extern(owner->declared))
        throw PathFault{path.path,
                        {table.declared.line, table.declared.column,
                         "table '" + table.declared.name +
                             "' is \"extern\", and no other path of the document defines it",
                         "import the document with both paths; or write the kind of the table, "
                         "such as \"hash\", in the place of \"extern\""}};
    if (owner->declared.keyless != table.declared.keyless)
        throw PathFault{path.path,
                        {table.declared.line, table.declared.column,
                         "table '" + table.declared.name + "' is a " + owner->kind +
                             " in the path that defines it",
                         "declare it alike in both paths"}};
    table.kind = owner->kind;
    table.owned = false;
}

// Two maps of one name cannot be in an object.
void rename(PlannedTable& table, std::set<std::string>& taken, std::vector<std::string>& remarks) {
    std::string name = table.declared.name + "_EGRESS";
    for (int i = 2; taken.contains(name); ++i)
        name = table.declared.name + "_EGRESS_" + std::to_string(i);
    table.label = name;
    taken.insert(name);
    remarks.push_back("Both paths have a table `" + table.declared.name +
                      "` of their own: that of the egress path is the map `" + name + "`.");
}

bool borrows(const PlannedPath& path) {
    for (const PlannedTable& table : path.tables)
        if (!table.owned)
            return true;
    return false;
}

// Where each of two paths owns what the other one uses, the one that is linked first defines all.
void order_paths(std::vector<PlannedPath>& paths, std::vector<std::string>& remarks) {
    if (paths.size() == 2 && borrows(paths[0]) && !borrows(paths[1]))
        std::swap(paths[0], paths[1]);
    for (std::size_t i = 1; i < paths.size(); ++i)
        for (PlannedTable& table : paths[i].tables) {
            const PlannedTable* before = find(paths, paths[i], table.declared.name);
            table.weak = before != nullptr && before->label == table.label;
            if (table.weak && table.owned)
                remarks.push_back("The map `" + table.label + "` has the size that the " +
                                  to_string(paths[0].path->direction) + " path says.");
        }
}

std::string definition(const std::string& what, const std::string& value) {
    return "#define " + what + (value.empty() ? "" : " " + value) + "\n";
}

std::string more_of(const DeclaredTable& table) {
    if (table.makes_or_ends && table.increments)
        return "DYNMON_BOTH_";
    return table.makes_or_ends ? "DYNMON_OR_INIT_"
           : table.increments  ? "DYNMON_MORE_"
                               : "DYNMON_NO_MORE_";
}

std::string described(const PlannedTable& table) {
    const std::string& name = table.declared.name;
    std::string text =
        definition("dynmon_type_" + name, "BPF_MAP_TYPE_" + upper(table.kind)) +
        definition("dynmon_label_" + name, '"' + table.label + '"') +
        definition("dynmon_linkage_" + name, table.weak ? "__weak" : "DYNMON_DEFINED_");
    if (table.declared.keyless)
        return text + definition("dynmon_lost_" + name, '"' + table.lost + '"');
    if (!table.declared.inner.empty())
        return text + definition("dynmon_inner_" + name, table.declared.inner + "_dynmon_map_");
    const std::string more = more_of(table.declared);
    text += definition("dynmon_more_" + name, more);
    const std::string stem = more.substr(0, more.size() - 1);
    text += definition("dynmon_more_members_" + name, stem + "_MEMBERS_");
    return text + definition("dynmon_more_values_" + name, stem + "_VALUES_");
}

std::string head_of(const DocumentPath& path) {
    std::string defines;
    for (const auto& [name, value] : path.defines)
        defines += definition(name, value);
    return defines +
           definition("POLYCUBE_PROGRAM_TYPE", path.direction == Direction::ingress ? "0" : "1");
}

constexpr std::string_view code_mark = "#line 1 \"";

} // namespace

const PlannedTable* PlannedPath::table(std::string_view name) const {
    for (const PlannedTable& table : tables)
        if (table.declared.name == name)
            return &table;
    return nullptr;
}

void plan_tables(std::vector<PlannedPath>& paths, std::vector<std::string>& remarks) {
    std::set<std::string> taken;
    for (PlannedPath& path : paths) {
        path.tables.clear();
        for (const DeclaredTable& declared : path.scanned.tables) {
            path.tables.push_back(
                {.declared = declared, .kind = declared.kind, .label = declared.name, .lost = ""});
            taken.insert(declared.name);
        }
    }
    for (PlannedPath& path : paths)
        for (PlannedTable& table : path.tables)
            if (is_extern(table.declared))
                find_owner(paths, path, table);
    // The ingress path comes first, and keeps its names.
    for (PlannedPath& path : paths) {
        for (PlannedTable& table : path.tables) {
            PlannedTable* other = find(paths, path, table.declared.name);
            if (other == nullptr || is_extern(table.declared) || is_extern(other->declared) ||
                path.path->direction != Direction::egress)
                continue;
            if (table.declared.shared && other->declared.shared)
                table.owned = false;
            else
                rename(table, taken, remarks);
        }
    }
    for (PlannedPath& path : paths)
        for (PlannedTable& table : path.tables) {
            if (!table.declared.keyless)
                continue;
            table.lost = table.label + "_lost";
            while (taken.contains(table.lost))
                table.lost += "_";
        }
    order_paths(paths, remarks);
}

std::string planned_source(const PlannedPath& path, bool may_drop, const std::string& file) {
    std::string text =
        "// The code of the " + std::string(to_string(path.path->direction)) +
        " path, as its author wrote it, behind the next #line; dynmon-load import "
        "made what stands\n// before it.\n" +
        head_of(*path.path) + definition("DYNMON_MAY_DROP", may_drop ? "1" : "0") +
        definition("DYNMON_HANDLER_TAKES", std::to_string(path.scanned.handler_takes));
    if (path.scanned.dechainy)
        text += definition("DYNMON_DECHAINY", "");
    if (path.unordered)
        text += definition("DYNMON_UNORDERED", "");
    for (const PlannedTable& table : path.tables)
        text += described(table);
    text += "#include \"polycube.h\"\n";
    if (path.scanned.increments) {
        text += "#define increment(...) dynmon_increment(DYNMON_TWO_(__VA_ARGS__, 1, 0))\n"
                "#define atomic_increment(...) "
                "dynmon_atomic_increment(DYNMON_TWO_(__VA_ARGS__, 1, 0))\n";
    }
    text += std::string(code_mark) + file + "\"\n" + path.path->code.text;
    if (!text.ends_with('\n'))
        text += '\n';
    return text + "#pragma clang attribute pop\n#pragma clang attribute pop\n";
}

std::string scanned_source(const DocumentPath& path, const std::string& code,
                           const std::string& file) {
    return "#define DYNMON_SCAN\n" + head_of(path) + definition("DYNMON_MAY_DROP", "0") +
           definition("DYNMON_HANDLER_TAKES", "2") +
           (is_dechainy(code) ? definition("DYNMON_DECHAINY", "") : "") +
           "#include \"polycube.h\"\n" + std::string(code_mark) + file + "\"\n" + code + "\n";
}

} // namespace dynmon
