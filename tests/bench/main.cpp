// SPDX-License-Identifier: BSD-2-Clause
// The benchmark: what dynmon costs, next to what the same would cost otherwise, in one table.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sys/utsname.h>

#include "measure.hpp"
#include "sandbox.hpp"

namespace bench {

namespace {

#if defined(NDEBUG) && !defined(DYNMON_SANITIZED)
constexpr bool is_release = true;
#else
constexpr bool is_release = false;
#endif

using Section = void (*)(const Setup&, Results&);
const std::vector<std::pair<std::string, Section>> sections{
    {"export", measure_export},    {"arrays", measure_arrays}, {"formats", measure_formats},
    {"commands", measure_command}, {"swap", measure_swap},     {"packets", measure_packets},
    {"probes", measure_probes},    {"deny", measure_deny},     {"models", measure_models},
};

// What a reader has to know of the machine, and no more.
nlohmann::ordered_json machine() {
    utsname system{};
    ::uname(&system);
    std::string release = system.release;
    release = release.substr(0, release.find('.', release.find('.') + 1));
    return {{"kernel", release},
            {"architecture", system.machine},
            {"cpus", ::sysconf(_SC_NPROCESSORS_ONLN)}};
}

void run(const Setup& setup, const std::string& only, bool json) {
    mount_own_bpffs();
    Results results;
    for (const auto& [name, measure] : sections) {
        if (!only.empty() && only != name)
            continue;
        std::cerr << "measuring: " << name << "\n";
        measure(setup, results);
    }
    const nlohmann::ordered_json where = machine();
    if (json) {
        std::cout << nlohmann::ordered_json{{"machine", where}, {"figures", results.json()}}.dump(2)
                  << "\n";
        return;
    }
    std::cout << "kernel " << where["kernel"].get<std::string>() << ", "
              << where["architecture"].get<std::string>() << ", " << where["cpus"] << " CPUs\n";
    results.print(std::cout);
}

} // namespace

} // namespace bench

int main(int argc, char** argv) {
    bench::Setup setup;
    setup.bpftool = "bpftool";
    std::string only;
    bool json = false;
    CLI::App app("Measures dynmon against the floor and against bpftool; the result is a table.");
    app.add_option("--dynmon-load", setup.dynmon_load, "the program")->required();
    app.add_option("--probes", setup.probes, "folder of the built probes")->required();
    app.add_option("--bpftool", setup.bpftool, "default: the one on PATH");
    app.add_option("--rounds", setup.rounds, "default: 11")->check(CLI::Range(1, 1000));
    app.add_option("--only", only, "one section")
        ->check(CLI::IsMember({"export", "arrays", "formats", "commands", "swap", "packets",
                               "probes", "deny", "models"}));
    app.add_flag("--million", setup.million, "maps of 1,000,000 entries too");
    app.add_flag("--json", json, "for scripts");
    CLI11_PARSE(app, argc, argv);
    if (!bench::is_release) {
        std::cerr << "bench: this is a debug or sanitizer build, whose figures mean nothing: "
                     "configure with -DCMAKE_BUILD_TYPE=Release\n";
        return 2;
    }
    if (::geteuid() != 0) {
        std::cerr << "bench: run as root: it loads BPF programs and makes network namespaces\n";
        return 2;
    }
    try {
        bench::run(setup, only, json);
    } catch (const std::exception& error) {
        std::cerr << "bench: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
