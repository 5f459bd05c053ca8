// SPDX-License-Identifier: BSD-2-Clause
// What becomes of each table of a document: its name in the object, its kind, and which path's
// object defines it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "import/document.hpp"
#include "import/scan.hpp"

namespace dynmon {

struct PlannedTable {
    DeclaredTable declared;
    std::string kind;  // as declared; of "extern": the owner's
    std::string label; // name in the object
    std::string lost;  // of queues and stacks: what counts failed pushes
    bool owned = true; // false: another path's object defines it
    bool weak = false; // an object that is linked before this one defines it too
};

struct PlannedPath {
    const DocumentPath* path = nullptr;
    ScannedCode scanned;
    std::vector<PlannedTable> tables;
    bool unordered = false; // DYNMON_UNORDERED of polycube.h

    const PlannedTable* table(std::string_view name) const; // by its name in the code
};

// A fault of the document: CodeFault in one of its paths, or a place in the document itself.
struct PathFault {
    const DocumentPath* path = nullptr;
    CodeFault fault;
};

// `paths`: path and scanned code set. Throws PathFault: an "extern" table that nothing defines.
// Puts the paths into the order in which they are linked: libbpf wants a map's owner in front of
// who is weak. `remarks`: what was changed, a sentence each.
void plan_tables(std::vector<PlannedPath>& paths, std::vector<std::string>& remarks);

// The C that is compiled for a path: what polycube.h asks for, the header, the author's code at the
// lines of `file`.
std::string planned_source(const PlannedPath& path, bool may_drop, const std::string& file);

// The same for the preprocessor, before there is a plan.
std::string scanned_source(const DocumentPath& path, const std::string& code,
                           const std::string& file);

} // namespace dynmon
