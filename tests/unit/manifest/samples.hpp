// SPDX-License-Identifier: BSD-2-Clause
// The manifests of samples/ with the fault that each is expected to have.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace dynmon::test {

struct Sample {
    std::string name; // "bad/no_name.yaml"
    std::string text;
    std::string expect; // "2:1 the manifest lacks 'name'"; empty for a good one
};

inline std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The expectation stands in the first line, "# expect: …", or, for JSON, in FILE.expect.
inline std::vector<Sample> samples(const std::string& folder) {
    constexpr std::string_view mark = "# expect: ";
    std::vector<Sample> list;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(DYNMON_TEST_SAMPLES) / folder)) {
        const std::filesystem::path& path = entry.path();
        if (path.extension() == ".expect")
            continue;
        Sample sample{folder + "/" + path.filename().string(), read_text(path), ""};
        const std::string beside = read_text(path.string() + ".expect");
        if (!beside.empty())
            sample.expect = beside.substr(0, beside.find('\n'));
        else if (sample.text.starts_with(mark))
            sample.expect = sample.text.substr(mark.size(), sample.text.find('\n') - mark.size());
        list.push_back(std::move(sample));
    }
    std::sort(list.begin(), list.end(),
              [](const Sample& a, const Sample& b) { return a.name < b.name; });
    return list;
}

} // namespace dynmon::test
