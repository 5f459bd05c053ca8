// SPDX-License-Identifier: BSD-2-Clause
// dynmon-compile: makes a probe of one document, which comes on its standard input, a socket as a
// rule. docs/user/dynmon-compile.1.md is its page.
#include <cerrno>
#include <csignal>
#include <iostream>
#include <string>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/build_info.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "import/compile_message.hpp"
#include "import/import.hpp"
#include "kernel/rights.hpp"

using namespace dynmon;

namespace {

constexpr const char* description =
    "dynmon-compile reads one document of Dynmon from its standard input and writes the probe "
    "that\n"
    "it makes of it to its standard output, for dynmon-serve --role polycube.";

constexpr const char* footer =
    "Example:\n"
    "  sudo systemd-socket-activate --accept --inetd --listen /run/dynmon/compile.sock \\\n"
    "    dynmon-compile\n"
    "\n"
    "dynmon-compile(1) has the unit and what it may do.";

// By the clock on the wall, for all of it: the server waits for less.
constexpr unsigned most_seconds = 20;

std::string read_request() {
    std::string bytes;
    char buffer[65536];
    for (;;) {
        const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (count == 0)
            return bytes;
        if (count < 0 && errno != EINTR)
            throw Error(ErrorKind::failed, "read the request", errno);
        if (count > 0)
            bytes.append(buffer, static_cast<std::size_t>(count));
        if (bytes.size() > compile_limits::request_bytes)
            throw Error(ErrorKind::usage, "the document has more than 1 MiB");
    }
}

CompileMessage probe_of(const std::string& request, const std::string& clang) {
    const CompileMessage asked = parse_compile_message(request);
    if (asked.kind != compile_field::document)
        throw Error(ErrorKind::usage, "the request is none for a document");
    const std::string& text = asked.field(compile_field::document);
    // Whatever the document does, it gets no right to drop: that is for a person who imports it.
    const ImportOptions options{.name = compiled_probe, .allow_drop = false, .clang = clang};
    ImportedProbe probe = import_document(parse_dynmon_document(text, "document"), text,
                                          compiled_document, "document", options);
    CompileMessage answer{.kind = "probe", .fields = {}};
    for (ImportedFile& file : probe.files)
        if (file.name != compiled_document) // the server has it
            answer.fields.emplace_back(std::move(file.name), std::move(file.text));
    return answer;
}

CompileMessage error_of(const Error& error) {
    return {.kind = "error",
            .fields = {{compile_field::what, error.what()},
                       {compile_field::hint, error.hint()},
                       {compile_field::kind, kind_name(error.kind())}}};
}

CompileMessage answer_to_input(const std::string& clang) {
    try {
        return probe_of(read_request(), clang);
    } catch (const Error& error) {
        return error_of(error);
    } catch (const std::exception& error) {
        return error_of(Error(ErrorKind::failed, error.what()));
    }
}

int run(const std::string& clang) {
    ::alarm(most_seconds);
    drop_rights();
    const std::string bytes = to_bytes(answer_to_input(clang));
    if (bytes.size() > compile_limits::answer_bytes)
        throw Error(ErrorKind::failed, "the probe is larger than an answer");
    if (const int reason = write_all(STDOUT_FILENO, bytes); reason != 0)
        throw Error(ErrorKind::failed, "write the answer", reason);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    log::set_quiet(true);
    CLI::App app{description, "dynmon-compile"};
    std::string clang;
    app.footer(footer);
    app.set_version_flag("-V,--version", "dynmon-compile " + build_name());
    app.add_option("--clang", clang, "the compiler; default: the newest clang on PATH")
        ->type_name("FILE");
    try {
        app.parse(argc, argv);
        return run(clang);
    } catch (const CLI::Success& done) {
        return app.exit(done);
    } catch (const CLI::ParseError& error) {
        std::cerr << "dynmon-compile: " << printable_message(error.what()) << "\n";
        return static_cast<int>(ErrorKind::usage);
    } catch (const Error& error) {
        std::cerr << "dynmon-compile: " << printable_message(error.what()) << "\n";
        return static_cast<int>(error.kind());
    }
}
