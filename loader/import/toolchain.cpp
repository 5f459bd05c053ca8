// SPDX-License-Identifier: BSD-2-Clause
#include "import/toolchain.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <unistd.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "object/trust.hpp"
#include "sandbox/run_program.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

constexpr int oldest_clang = 14;

// What the compiler is made of, and the headers of the system.
const std::vector<std::string> system_folders = {
    "/usr/lib", "/usr/lib64", "/usr/libexec", "/lib", "/lib64", "/usr/include", "/etc/ld.so.cache"};

std::vector<std::string> readable_for(const std::string& clang) {
    std::vector<std::string> readable = system_folders;
    readable.push_back(clang);
    const fs::path prefix = fs::path(clang).parent_path().parent_path();
    if (prefix != "/" && prefix != "/usr") // its libraries and own headers, such as /opt/llvm
        for (const char* part : {"bin", "lib", "lib64"})
            readable.push_back((prefix / part).string());
    return readable;
}

// 0: it is no clang that runs.
int version_of(const std::string& clang) {
    ProgramCall call{.file = clang, .arguments = {"-dumpversion"}, .readable = readable_for(clang)};
    try {
        return static_cast<int>(std::strtol(run_program(call).output.c_str(), nullptr, 10));
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::unsupported)
            throw;
        return 0;
    }
}

bool is_clang_name(const std::string& name) {
    if (name == "clang")
        return true;
    const std::string number = name.starts_with("clang-") ? name.substr(6) : "";
    return !number.empty() && number.size() <= 2 &&
           number.find_first_not_of("0123456789") == std::string::npos;
}

// Itself, not a link to it: what stands for the compiler, such as ccache, is none in a sandbox.
std::string resolved(const fs::path& path) {
    std::error_code fault;
    const fs::path real = fs::canonical(path, fault);
    if (fault || ::access(real.c_str(), X_OK) != 0 ||
        !real.filename().string().starts_with("clang"))
        return "";
    return real.string();
}

void consider(const fs::path& path, Toolchain& best) {
    const std::string real = resolved(path);
    if (real.empty() || real == best.clang)
        return;
    const int version = version_of(real);
    if (version > best.version) {
        best.clang = real;
        best.version = version;
    }
}

Toolchain newest_on_path() {
    Toolchain best;
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "");
    std::error_code ignored;
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (folder.empty() || folder.front() != '/')
            continue;
        for (const auto& entry : fs::directory_iterator(folder, ignored))
            if (is_clang_name(entry.path().filename().string()))
                consider(entry.path(), best);
    }
    return best;
}

// Beside the program that runs: in the source tree of its build folder, or in the installation.
std::string find_headers() {
    std::error_code fault;
    fs::path above = fs::read_symlink("/proc/self/exe", fault);
    constexpr int levels = 4;
    for (int i = 0; i < levels && above.has_relative_path(); ++i) {
        above = above.parent_path();
        for (const char* place : {"bpf", "include/dynmon/bpf"}) {
            const fs::path header = above / place / "polycube.h";
            if (fs::exists(header, fault) && is_trusted(header.string()))
                return header.parent_path().string();
        }
    }
    return DYNMON_BPF_HEADERS;
}

// "ingress.c:3:7: error: …": the first one, and how many there are.
void read_faults(const std::string& text, Compiled& compiled) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::size_t at = line.find(": error: ");
        std::size_t length = 9;
        if (at == std::string::npos) {
            at = line.find(": fatal error: ");
            length = 15;
        }
        if (at == std::string::npos)
            continue;
        if (!compiled.fault.message.empty()) {
            ++compiled.more;
            continue;
        }
        compiled.fault.message = line.substr(at + length);
        std::string place = line.substr(0, at);
        int numbers[2] = {0, 0};
        for (int i = 1; i >= 0; --i) {
            const std::size_t colon = place.rfind(':');
            if (colon == std::string::npos)
                break;
            numbers[i] = static_cast<int>(std::strtol(place.c_str() + colon + 1, nullptr, 10));
            place.resize(colon);
        }
        compiled.fault.file = place;
        compiled.fault.line = numbers[0];
        compiled.fault.column = numbers[1];
    }
    if (compiled.fault.message.empty())
        compiled.fault.message = text.substr(0, text.find('\n'));
}

} // namespace

Toolchain find_toolchain(const std::string& named) {
    Toolchain found;
    if (named.empty())
        found = newest_on_path();
    else
        consider(named, found);
    if (found.version < oldest_clang)
        throw Error(ErrorKind::unsupported,
                    found.clang.empty()
                        ? (named.empty() ? "there is no clang on PATH" : named + " is no clang")
                        : found.clang + " is clang " + std::to_string(found.version))
            .hint("install clang 14 or later, or name one: --clang FILE");
    found.headers = find_headers();
    if (!fs::exists(found.headers + "/polycube.h"))
        throw Error(ErrorKind::unsupported, "no polycube.h in " + found.headers, ENOENT)
            .hint("install dynmon with its headers");
    return found;
}

Compiled compile(const Toolchain& toolchain, const std::string& source,
                 const std::vector<std::string>& options) {
    ProgramCall call;
    call.file = toolchain.clang;
    call.readable = readable_for(toolchain.clang);
    call.readable.push_back(toolchain.headers);
    call.input = source;
    call.output = limits::object_bytes;
    call.arguments = {"-x", "c", "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-std=gnu11",
                      "-fno-strict-aliasing", "-fno-color-diagnostics", "-fno-caret-diagnostics",
                      "-ferror-limit=20", "-fintegrated-cc1", "-fdebug-compilation-dir=.",
                      // The same object wherever the headers are installed: lists allow it by hash.
                      "-ffile-prefix-map=" + toolchain.headers + "=dynmon",
                      // Names of places that are no variables, and padding, are 0 in keys too.
                      "-ftrivial-auto-var-init=zero",
                      // What authors wrote for BCC is taken as BCC took it, but for a function
                      // that does not exist: clang 14 would leave it to the loader.
                      "-Wno-everything", "-Wno-int-conversion", "-Wno-incompatible-pointer-types",
                      "-Wno-return-type", "-Werror=implicit-function-declaration",
                      "-I" + toolchain.headers, "-I" + toolchain.headers + "/polycube"};
    if (toolchain.version < 16)
        call.arguments.emplace_back(
            "-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang");
    for (const char* folder : {"/usr/include/x86_64-linux-gnu", "/usr/include/aarch64-linux-gnu"})
        call.arguments.push_back(std::string("-idirafter") + folder);
    call.arguments.insert(call.arguments.end(), options.begin(), options.end());
    for (const char* word : {"-o", "-", "-"})
        call.arguments.emplace_back(word);
    const ProgramResult result = run_program(call);
    if (!result.ending.empty())
        throw Error(ErrorKind::rejected, "the compiler, on this code, " + result.ending)
            .hint("it was compiled in a sandbox: nothing else was touched");
    const std::size_t crash = result.errors.find("LLVM ERROR");
    if (result.code != 0 && crash != std::string::npos)
        throw Error(ErrorKind::rejected,
                    "the compiler, on this code, crashed (" +
                        result.errors.substr(crash, result.errors.find('\n', crash) - crash) + ")")
            .hint("it was compiled in a sandbox: nothing else was touched");
    Compiled compiled;
    if (result.code == 0)
        compiled.output = result.output;
    else
        read_faults(result.errors, compiled);
    return compiled;
}

} // namespace dynmon
