// SPDX-License-Identifier: BSD-2-Clause
// What the code of a document declares and uses: tables, functions, results. The compiler's
// preprocessor has done its work before, with BPF_TABLE and its kin as markers (bpf/polycube.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

struct DocumentPath;

struct DeclaredTable {
    std::string macro; // "BPF_TABLE_SHARED"
    std::string name;
    std::string kind;  // "hash", "array", "queue", …; "extern": the other path has it
    std::string inner; // of maps of maps: the name of a table
    bool shared = false;
    bool keyless = false;                               // queue or stack
    bool swap = false, empty = false, exported = false; // __attributes__ of DeChainy
    bool increments = false;    // increment() or atomic_increment() is called
    bool makes_or_ends = false; // lookup_or_init()
    int line = 0;               // in the code
    int column = 0;
};

struct ScannedCode {
    std::vector<DeclaredTable> tables;
    std::size_t handler_takes = 2; // parameters of handle_rx
    bool dechainy = false;         // the dialect of DeChainy: `handler`, PASS, DROP, dp_log, …
    bool drops = false;            // RX_DROP is used, or DROP of DeChainy
    bool attributes = false;       // a table has __attributes__ of DeChainy
    bool logs = false;             // pcn_log
    bool increments = false;       // of any table
    bool makes_or_ends = false;
    bool sets_time = false; // pcn_get_time_epoch() or the older pcn_get_packet_tstamp()
    int drop_line = 0;      // of the first RX_DROP
    int drop_column = 0;
};

// A fault of the code: what, where in it, and what to do.
struct CodeFault {
    int line = 0;
    int column = 0;
    std::string message;
    std::string hint;
};

// What is refused before any compiler sees it: assembly, sections, #include of paths.
// The first such fault, or one with line 0. Pure.
CodeFault refused_by_its_text(std::string_view code);

// Whether the code is that of DeChainy: it has a function `handler` and no handle_rx. Pure.
bool is_dechainy(std::string_view code);

// `preprocessed`: with DYNMON_SCAN defined, the code's lines as those of `file`. `code` is the same
// code before. Throws CodeFault. Pure.
ScannedCode scan_code(std::string_view preprocessed, std::string_view file, std::string_view code);

} // namespace dynmon
