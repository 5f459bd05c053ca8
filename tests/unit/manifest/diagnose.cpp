// SPDX-License-Identifier: BSD-2-Clause
// Prints what the parser says of each manifest: path, tab, "ok" or the first fault.
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "manifest/manifest.hpp"

int main(int count, char** paths) {
    for (int i = 1; i < count; ++i) {
        std::ifstream file(paths[i], std::ios::binary);
        if (!file) {
            std::cerr << "cannot read " << paths[i] << '\n';
            return 1;
        }
        const std::string text((std::istreambuf_iterator<char>(file)), {});
        const dynmon::ParsedManifest parsed = dynmon::parse_manifest(text);
        std::cout << paths[i] << '\t';
        if (parsed.diagnostics.empty())
            std::cout << "ok\n";
        else
            std::cout << parsed.diagnostics.front().at.line << ':'
                      << parsed.diagnostics.front().at.column << ' '
                      << parsed.diagnostics.front().message << '\n';
    }
    return 0;
}
