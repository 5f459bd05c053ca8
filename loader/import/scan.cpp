// SPDX-License-Identifier: BSD-2-Clause
#include "import/scan.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "import/tokens.hpp"

namespace dynmon {

namespace {

constexpr std::string_view marker = "dynmon_table_";

const std::set<std::string_view> allowed_pragmas = {"unroll", "nounroll", "pack", "once"};

std::string joined(const Tokens& tokens) {
    std::string text;
    for (const Token& token : tokens)
        text += (text.empty() || token.kind == Token::Kind::sign ? "" : " ") + token.text;
    return text;
}

CodeFault refused_include(const Directive& directive) {
    const CodeFault here{directive.line, directive.column, "", ""};
    CodeFault fault = here;
    std::string path;
    for (const Token& token : directive.rest)
        path += token.text;
    const bool quoted = path.size() >= 2 && path.front() == '"';
    if (!quoted && (path.empty() || path.front() != '<'))
        fault.message = "#include of a name that is a macro";
    const std::string name = path.size() >= 2 ? path.substr(1, path.size() - 2) : path;
    if (name.starts_with("/"))
        fault.message = "#include of the absolute path " + path;
    else if (("/" + name + "/").find("/../") != std::string::npos)
        fault.message = "#include of a path with '..': " + path;
    if (fault.message.empty())
        return {};
    fault.hint = "headers are those of the compiler and of the kernel, such as <linux/ip.h>";
    return fault;
}

struct Refusal {
    std::string_view name;
    std::string_view why;
};
constexpr Refusal refused_names[] = {
    {"RX_REDIRECT", "it sends packets to another port, and a monitor has none"},
    {"RX_RECIRCULATE", "it sends packets through the cube again, and a monitor is no cube"},
    {"RX_CONTROLLER", "it sends packets to Polycube's slow path, and there is none"},
    {"RX_ERROR", "it drops packets without saying so: RX_DROP does that"},
    {"pcn_pkt_redirect", "it sends packets to another port, and a monitor has none"},
    {"pcn_pkt_redirect_ns", "it sends packets to another port, and a monitor has none"},
    {"pcn_pkt_controller", "it sends packets to Polycube's slow path, and there is none"},
    {"pcn_pkt_controller_with_metadata",
     "it sends packets to Polycube's slow path, and there is none"},
    {"pcn_pkt_controller_with_metadata_stack",
     "it sends packets to Polycube's slow path, and there is none"},
    {"call_ingress_program", "it calls another program of a cube, and a monitor has one"},
    {"call_egress_program", "it calls another program of a cube, and a monitor has one"},
    {"call_bpf_program", "it calls another program of a cube, and a monitor has one"},
    {"pkt_to_controller", "it sends packets to user space, and what is read are tables"},
    {"REDIRECT", "it sends packets to another port, and a monitor has none"},
    {"BACK_TX", "it sends packets back, and a monitor only looks"},
    {"pcn_vlan_push_tag", "it changes packets"},
    {"pcn_vlan_pop_tag", "it changes packets"},
    {"pcn_l3_csum_replace", "it changes packets"},
    {"pcn_l4_csum_replace", "it changes packets"},
};

const std::set<std::string_view> methods = {"lookup",        "update",
                                            "insert",        "delete",
                                            "push",          "pop",
                                            "peek",          "lookup_or_try_init",
                                            "increment",     "atomic_increment",
                                            "lookup_or_init"};

// What a table's kind says of the map, by the macro where that says it.
struct Macro {
    std::string_view name;
    std::string_view kind; // "": the first argument
    std::size_t named;     // which argument is the name
    bool shared = false;
    bool keyless = false;
};
constexpr Macro macros[] = {
    {"BPF_TABLE", "", 3},
    {"BPF_F_TABLE", "", 3},
    {"BPF_TABLE_SHARED", "", 3, true},
    {"BPF_TABLE_PUBLIC", "", 3, true},
    {"BPF_ARRAY", "array", 0},
    {"BPF_PERCPU_ARRAY", "percpu_array", 0},
    {"BPF_HASH", "hash", 0},
    {"BPF_PERCPU_HASH", "percpu_hash", 0},
    {"BPF_HISTOGRAM", "histogram", 0},
    {"BPF_LPM_TRIE", "lpm_trie", 0},
    {"BPF_QUEUESTACK", "", 1, false, true},
    {"BPF_QUEUESTACK_SHARED", "", 1, true, true},
    {"BPF_QUEUESTACK_PUBLIC", "", 1, true, true},
    {"BPF_QUEUE", "queue", 0, false, true},
    {"BPF_STACK", "stack", 0, false, true},
    {"BPF_HASH_OF_MAPS", "hash_of_maps", 0},
    {"BPF_ARRAY_OF_MAPS", "array_of_maps", 0},
};

const std::set<std::string_view> kinds = {
    "hash",  "array", "percpu_hash", "percpu_array", "lru_hash",      "lru_percpu_hash", "lpm_trie",
    "queue", "stack", "extern",      "hash_of_maps", "array_of_maps", "histogram"};

// Which are free in the code of Polycube.
bool is_dechainy_name(std::string_view name) {
    return name == "REDIRECT" || name == "BACK_TX" || name == "pkt_to_controller";
}

std::string unquoted(const std::string& text) {
    return text.size() >= 2 && text.front() == '"' ? text.substr(1, text.size() - 2) : text;
}

class Scanner {
public:
    Scanner(const Tokens& tokens, bool dechainy)
        : tokens_(tokens), handler_(dechainy ? "handler" : "handle_rx") {
        scanned_.dechainy = dechainy;
    }

    ScannedCode run() {
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            const Token& token = tokens_[i];
            if (token.kind != Token::Kind::name)
                continue;
            if (token.text == marker)
                table(i);
            else if (token.text == handler_)
                handler(i);
            else
                name(i);
        }
        if (!has_handler_)
            throw CodeFault{1, 1, "the code has no function handle_rx",
                            "Dynmon calls handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)"};
        return std::move(scanned_);
    }

private:
    const std::string& text(std::size_t i) const {
        static const std::string none;
        return i < tokens_.size() ? tokens_[i].text : none;
    }
    // The place of the sign that closes the one at `open`.
    std::size_t closing(std::size_t open) const {
        int depth = 0;
        for (std::size_t i = open; i < tokens_.size(); ++i) {
            const std::string& sign = tokens_[i].text;
            depth += sign == "(" || sign == "{" || sign == "[";
            depth -= sign == ")" || sign == "}" || sign == "]";
            if (depth == 0)
                return i;
        }
        return tokens_.size();
    }
    std::vector<Tokens> arguments(std::size_t open, std::size_t close) const {
        std::vector<Tokens> found(1);
        int depth = 0;
        for (std::size_t i = open + 1; i < close; ++i) {
            const std::string& sign = tokens_[i].text;
            depth += sign == "(" || sign == "{" || sign == "[";
            depth -= sign == ")" || sign == "}" || sign == "]";
            if (sign == "," && depth == 0)
                found.emplace_back();
            else
                found.back().push_back(tokens_[i]);
        }
        return found;
    }

    [[noreturn]] static void refuse(const Token& at, std::string message, std::string hint = "") {
        throw CodeFault{at.line, at.column, std::move(message), std::move(hint)};
    }

    // dynmon_table_ ( BPF_TABLE , "hash" , … )
    void table(std::size_t& i) {
        const Token& at = tokens_[i];
        if (text(i + 1) != "(")
            return;
        const std::size_t close = closing(i + 1);
        const std::vector<Tokens> given = arguments(i + 1, close);
        i = close;
        DeclaredTable table;
        table.macro = given.front().empty() ? "" : given.front().front().text;
        table.line = at.line;
        table.column = at.column;
        const auto macro = std::find_if(std::begin(macros), std::end(macros),
                                        [&](const Macro& m) { return m.name == table.macro; });
        if (macro == std::end(macros))
            refuse(at, table.macro + " is no table that can be read",
                   "tables are hashes, arrays, LPM tries, queues and stacks");
        if (given.size() < macro->named + 2 || given[macro->named + 1].size() != 1 ||
            given[macro->named + 1].front().kind != Token::Kind::name)
            refuse(at, table.macro + " has no name where one belongs",
                   "a type with a comma in it needs a typedef");
        table.name = given[macro->named + 1].front().text;
        table.shared = macro->shared;
        table.keyless = macro->keyless;
        table.kind = macro->kind.empty() ? unquoted(joined(given[1])) : std::string(macro->kind);
        if (table.kind.ends_with("_of_maps"))
            table.inner = given.size() > 2 ? unquoted(joined(given[2])) : "";
        if (!kinds.contains(table.kind))
            refuse(
                at,
                "table '" + table.name + "' is of kind '" + table.kind +
                    "', which a monitor cannot have",
                "kinds are hash, lru_hash, percpu_hash, array, percpu_array, lpm_trie, queue, …");
        if (table.kind == "histogram")
            table.kind = given.size() < 3 || joined(given[2]) == "int" ? "array" : "hash";
        if (table.name.starts_with("dynmon_"))
            refuse(at, "table '" + table.name + "' has a name that dynmon has taken",
                   "names that start with dynmon_ are taken");
        for (const DeclaredTable& known : scanned_.tables)
            if (known.name == table.name)
                refuse(at, "table '" + table.name + "' is declared twice",
                       "the first one is in line " + std::to_string(known.line));
        names_.insert(table.name);
        read_attributes(i, table);
        scanned_.tables.push_back(std::move(table));
    }

    void handler(std::size_t i) {
        if (text(i + 1) != "(")
            return;
        const std::size_t close = closing(i + 1);
        if (text(close + 1) != "{")
            return; // declared, or called
        has_handler_ = true;
        const std::vector<Tokens> given = arguments(i + 1, close);
        scanned_.handler_takes = given.size();
        if (given.size() > 2 || given.front().empty())
            refuse(tokens_[i],
                   "handle_rx has " + std::to_string(given.front().empty() ? 0 : given.size()) +
                       " parameters",
                   "it has (struct CTXTYPE *ctx, struct pkt_metadata *md)");
    }

    void name(std::size_t i) {
        const Token& token = tokens_[i];
        for (const Refusal& refusal : refused_names)
            if (token.text == refusal.name && (scanned_.dechainy || !is_dechainy_name(token.text)))
                refuse(token, token.text + " is not possible here: " + std::string(refusal.why));
        scanned_.logs = scanned_.logs || token.text == "dynmon_pcn_log_";
        scanned_.sets_time = scanned_.sets_time || token.text == "dynmon_now";
        if (i >= 2 && text(i - 1) == "." && names_.contains(text(i - 2)))
            method(text(i - 2), token);
        if (token.text == "asm" || token.text == "__asm__" || token.text == "__asm")
            refuse(token, "inline assembly", "write it in C");
        if (token.text == "__attribute__" || token.text == "__attribute")
            attribute(i);
    }

    void attribute(std::size_t i) {
        for (std::size_t k = i + 1, close = closing(i + 1); k < close; ++k)
            if (text(k) == "section" || text(k) == "__section__")
                refuse(tokens_[k], "a section of its own",
                       "the importer decides what is a program and what a map");
    }

    void method(const std::string& name, const Token& token) {
        if (!methods.contains(token.text))
            refuse(token, "tables have no method " + token.text + "() here",
                   "what goes to user space are the entries of tables");
        DeclaredTable& table =
            *std::find_if(scanned_.tables.begin(), scanned_.tables.end(),
                          [&](const DeclaredTable& known) { return known.name == name; });
        if (token.text == "increment" || token.text == "atomic_increment")
            table.increments = scanned_.increments = true;
        if (token.text == "lookup_or_init")
            table.makes_or_ends = scanned_.makes_or_ends = true;
    }

    // __attributes__ ((SWAP, EXPORT, EMPTY)) behind a table.
    void read_attributes(std::size_t& i, DeclaredTable& table) {
        const bool older = text(i + 1) == "__attribute"; // which exports all tables
        if (text(i + 1) != "__attributes__" && !older)
            return;
        const std::size_t close = closing(i + 2);
        for (; i < close; ++i) {
            table.swap = table.swap || text(i) == "SWAP";
            table.exported = table.exported || text(i) == "EXPORT";
            table.empty = table.empty || text(i) == "EMPTY";
        }
        scanned_.attributes = scanned_.attributes || !older;
    }

    const Tokens& tokens_;
    std::string_view handler_;
    std::set<std::string> names_;
    bool has_handler_ = false;
    ScannedCode scanned_;
};

} // namespace

CodeFault refused_by_its_text(std::string_view code) {
    const LexedCode lexed = lex_code(code);
    for (const Directive& directive : lexed.directives) {
        if (directive.name == "include" || directive.name == "include_next" ||
            directive.name == "import") {
            const CodeFault fault = refused_include(directive);
            if (fault.line != 0)
                return fault;
        } else if (directive.name == "if" || directive.name == "elif") {
            // __has_include() of a path tells whether a file is there.
            const std::string condition = joined(directive.rest);
            if (condition.find("__has_") != std::string::npos &&
                (condition.find("\"/") != std::string::npos ||
                 condition.find("</") != std::string::npos ||
                 condition.find("..") != std::string::npos))
                return {directive.line, directive.column,
                        "#" + directive.name + " that asks for a file outside the headers",
                        "leave it out"};
        } else if (directive.name == "embed") {
            return {directive.line, directive.column, "#embed of a file", "leave it out"};
        } else if (directive.name == "pragma") {
            const std::string what = directive.rest.empty() ? "" : directive.rest.front().text;
            const bool loop = directive.rest.size() > 1 &&
                              ((what == "clang" && directive.rest[1].text == "loop") ||
                               (what == "GCC" && (directive.rest[1].text == "unroll" ||
                                                  directive.rest[1].text == "diagnostic")) ||
                               (what == "clang" && directive.rest[1].text == "diagnostic"));
            if (!loop && !allowed_pragmas.contains(what))
                return {directive.line, directive.column, "#pragma " + joined(directive.rest),
                        "allowed are unroll, pack and loop hints"};
        }
    }
    for (const Token& token : lexed.tokens) {
        if (token.text == "_Pragma" || token.text == "__pragma")
            return {token.line, token.column, token.text, "leave it out"};
        if (token.text == "asm" || token.text == "__asm__" || token.text == "__asm")
            return {token.line, token.column, "inline assembly", "write it in C"};
        if (token.text.starts_with("dynmon_") || token.text.starts_with("DYNMON_"))
            return {token.line, token.column,
                    "'" + token.text + "' is a name that dynmon has taken",
                    "names that start with dynmon_ or DYNMON_ are taken"};
        if (token.text == "SEC")
            return {token.line, token.column, "a section of its own",
                    "the importer decides what is a program and what a map"};
    }
    return {};
}

bool is_dechainy(std::string_view code) {
    const Tokens tokens = lex_code(code).tokens;
    bool handler = false;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        if (tokens[i].text == "handle_rx")
            return false;
        handler = handler || (tokens[i].text == "handler" && tokens[i + 1].text == "(");
    }
    return handler;
}

ScannedCode scan_code(std::string_view preprocessed, std::string_view file, std::string_view code) {
    const LexedCode lexed = lex_preprocessed(preprocessed, file);
    const bool dechainy = is_dechainy(code);
    const std::string_view drop = dechainy ? "DROP" : "RX_DROP";
    ScannedCode scanned = Scanner(lexed.tokens, dechainy).run();
    // Before the preprocessor: a macro of the author's by that name would hide it. Behind it: in a
    // macro.
    for (const Tokens& tokens : {lex_code(code).tokens, lexed.tokens})
        for (const Token& token : tokens)
            if (token.text == drop && !scanned.drops) {
                scanned.drops = true;
                scanned.drop_line = token.line;
                scanned.drop_column = token.column;
            }
    return scanned;
}

} // namespace dynmon
