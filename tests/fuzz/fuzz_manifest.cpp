// SPDX-License-Identifier: BSD-2-Clause
// A manifest's text: never an exception, every fault has a place, what is good survives JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "decode/text.hpp"
#include "fuzz/expect.hpp"
#include "manifest/manifest.hpp"

using namespace dynmon;
using fuzz::expect;

namespace {

void check_faults(const ParsedManifest& parsed, std::string_view text) {
    const auto lines =
        std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r') + 1;
    for (const Diagnostic& fault : parsed.diagnostics) {
        expect(!fault.message.empty(), "a fault without words");
        expect(is_utf8(fault.message) && is_utf8(fault.hint), "a message is no UTF-8",
               fault.message);
        expect(fault.at.line >= 0 && fault.at.line <= lines + 1, "a fault behind the end",
               fault.message);
    }
}

// The same document and, since JSON leaves nothing out, the same manifest.
void check_round_trip(const Manifest& manifest) {
    const std::string json = manifest_to_json(manifest);
    expect(json.find('\n') == std::string::npos, "more than one line", json);
    expect(nlohmann::json::accept(json), "no JSON", json);
    const ParsedManifest again = parse_manifest(json);
    if (!again.diagnostics.empty())
        expect(false, again.diagnostics.front().message.c_str(), json);
    expect(manifest_to_json(again.manifest) == json, "changed by being written and read", json);
    for (std::size_t path = 0; path < manifest.paths.size(); ++path) {
        const auto& before = manifest.paths[path].metrics;
        const auto& after = again.manifest.paths[path].metrics;
        expect(before.size() == after.size(), "lost a metric", json);
        for (std::size_t i = 0; i < before.size(); ++i) {
            expect(before[i].merge == after[i].merge, "another merge", json);
            expect(before[i].merge_fields == after[i].merge_fields, "other merge-fields", json);
            expect(before[i].formats == after[i].formats, "other formats", json);
            expect(before[i].open_metrics.has_value() == after[i].open_metrics.has_value(),
                   "lost its metadata", json);
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const ParsedManifest parsed = parse_manifest(text);
    check_faults(parsed, text);
    if (parsed.diagnostics.empty())
        check_round_trip(parsed.manifest);
    try {
        (void)require_manifest(text, "probe.yaml");
        expect(parsed.diagnostics.empty(), "required although it has faults");
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage && !parsed.diagnostics.empty(), error.what());
    }
    return 0;
}
