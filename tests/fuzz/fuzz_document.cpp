// SPDX-License-Identifier: BSD-2-Clause
// A document of Dynmon and the C in it: an error with a place, or a document whose digests and
// places hold.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "fuzz/expect.hpp"
#include "import/document.hpp"
#include "import/scan.hpp"

using namespace dynmon;
using fuzz::expect;

namespace {

void check_code(const DocumentCode& code) {
    const CodeFault refused = refused_by_its_text(code.text);
    expect(refused.line >= 0, "a fault before the code");
    try {
        scan_code("# 1 \"ingress.c\"\n" + code.text, "ingress.c", code.text);
    } catch (const CodeFault& fault) {
        expect(fault.line > 0 && !fault.message.empty(), "a fault without a place", fault.message);
        const Position at = code_place(code, fault.line, fault.column);
        expect(at.line >= code.at.line && at.column > 0, "a place before the code");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const DynmonDocument document = parse_dynmon_document(text, "d.json");
        expect(!document.paths.empty(), "a document without paths");
        for (const DocumentPath& path : document.paths) {
            const std::string canonical = canonical_path(path);
            expect(nlohmann::json::accept(canonical), "no JSON", canonical);
            expect(metric_identifiers(path).size() == path.metrics.size(), "metrics without names");
            check_code(path.code);
        }
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage &&
                   std::string_view(error.what()).starts_with("d.json:"),
               "an error without a place", error.what());
    }
    return 0;
}
