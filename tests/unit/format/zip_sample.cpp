// SPDX-License-Identifier: BSD-2-Clause
// Prints an archive whose every number is beyond the limit that it is given, and one that is not:
// usage: dynmon-zip-sample LIMIT. Read by zip_test.py.
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "format/zip.hpp"

using namespace dynmon;

int main(int, char** argv) {
    Sink sink(STDOUT_FILENO);
    ZipWriter zip(sink, std::strtoull(argv[1], nullptr, 10));
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, 3 * Spool::threshold + 5}) {
        Spool body;
        for (std::size_t done = 0; done < size;) {
            const std::size_t piece = std::min<std::size_t>(size - done, 1000);
            std::memset(body.reserve(piece), static_cast<int>('a' + done / 1000 % 26), piece);
            body.grow(piece);
            done += piece;
        }
        zip.add("in/" + std::to_string(size), "head", body);
    }
    zip.finish();
    sink.flush();
    return 0;
}
