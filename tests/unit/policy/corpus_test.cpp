// SPDX-License-Identifier: BSD-2-Clause
// Every program of corpus/refused is refused for the reason that its file says, every one of
// corpus/passing is not, whatever clang and instruction set made it.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "manifest/manifest.hpp"
#include "object/object.hpp"
#include "policy/behaviour.hpp"
#include "policy/helpers.hpp"
#include "policy/raw_programs.hpp"
#include "policy/rules.hpp"

using namespace dynmon;

namespace {

namespace fs = std::filesystem;

struct Sample {
    std::string expect; // a part of the refusal
    std::set<Power> may;
};

Sample read_sample(const std::string& folder, const std::string& name) {
    std::ifstream source(fs::path(DYNMON_POLICY_CORPUS) / folder / (name + ".bpf.c"));
    Sample sample;
    for (std::string line; std::getline(source, line);) {
        if (line.starts_with("// expect: "))
            sample.expect = line.substr(11);
        if (line.starts_with("// may: "))
            sample.may =
                parse_manifest("{name: x, ingress-path: {}, may: [" + line.substr(8) + "]}")
                    .manifest.may;
    }
    return sample;
}

std::string problems_of(const Object& object, const ProgramInfo& program,
                        const std::set<Power>& may) {
    Manifest manifest;
    manifest.may = may;
    const Effects effects = behaviour_of(object, program, manifest.may_drop());
    std::string text;
    for (const Problem& problem : map_problems(manifest, object))
        text += problem.message + "\n";
    for (const Problem& problem : effect_problems(manifest, program, effects))
        text += problem.message + "\n";
    return text;
}

std::vector<fs::path> objects_in(const std::string& folder) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(fs::path(DYNMON_POLICY_OBJECTS) / folder))
        if (entry.path().extension() == ".o")
            paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    return paths;
}

template <typename Check>
void each_program(const std::string& folder, Check check) {
    const test::WithoutTrials quick;
    const std::vector<fs::path> objects = objects_in(folder);
    CHECK(objects.size() >= 30);
    for (const fs::path& path : objects) {
        const std::string file = path.filename().string();
        const Sample sample = read_sample(folder, file.substr(0, file.find('.')));
        const Object object = Object::parse(read_file(path.string(), 8u << 20), file);
        CHECK_NOTHROW(require_permitted(object));
        for (const ProgramInfo& program : object.programs()) {
            CAPTURE(file);
            CAPTURE(program.name);
            check(sample, problems_of(object, program, sample.may));
        }
    }
}

} // namespace

// PROMISES:
// P-1 call a function of the kernel (kfunc)
// P-2 call a helper that is not on the list
// P-4 tail-call anything but the next probe
// P-6 write through a pointer
// P-9 Without a word in its manifest
TEST_CASE("programs that do more than look are refused, and for what they do") {
    each_program("refused", [](const Sample& sample, const std::string& problems) {
        CHECK_FALSE(sample.expect.empty());
        CAPTURE(problems);
        CHECK(problems.find(sample.expect) != std::string::npos);
    });
}

TEST_CASE("programs that look, or that do what their manifest says, are not refused") {
    each_program("passing",
                 [](const Sample&, const std::string& problems) { CHECK(problems == ""); });
}
