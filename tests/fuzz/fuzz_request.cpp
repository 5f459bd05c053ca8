// SPDX-License-Identifier: BSD-2-Clause
// What clients of dynmon-serve write. The first byte of the input says what the rest is: a method
// and a target, headers, a body, an exposition, a web configuration or an access file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/text.hpp"
#include "fuzz/expect.hpp"
#include "serve/access.hpp"
#include "serve/body.hpp"
#include "serve/exposition.hpp"
#include "serve/request.hpp"
#include "serve/router.hpp"
#include "serve/web_config.hpp"

using namespace dynmon;
using namespace dynmon::serve;
using fuzz::expect;

namespace {

void expect_good(const HttpError& error) {
    expect(error.status() >= 400 && error.status() < 600, "a status that is none", error.what());
    expect(is_utf8(error.what()), "a message is no UTF-8", error.what());
}

// "GET /a/b?c=d"
void ask(const std::string& text) {
    const std::size_t space = std::min(text.find(' '), text.size());
    try {
        const Target target =
            parse_target(std::string_view(text).substr(std::min(space + 1, text.size())));
        for (const std::string& segment : target.segments) {
            expect(!segment.empty() && segment != "." && segment != "..", "it leads up", segment);
            expect(segment.find('/') == std::string::npos, "a '/' in a name", segment);
            expect(is_utf8(segment) && segment.find('\0') == std::string::npos, "a name", segment);
        }
        const Match match = route(text.substr(0, space), target);
        for (const auto& [name, value] : match.names)
            expect(is_identifier(value), "a name that is none", value);
    } catch (const HttpError& error) {
        expect_good(error);
    }
}

void read_headers(const std::string& text) {
    const double quality = quality_of(text, "text/plain", "version=0.0.4");
    expect(quality >= 0 && quality <= 1, "a quality that is none", text);
    matches_tag(text, "\"1.2\"");
    const auto shown = Passwords::read(text);
    expect(!shown || shown->user.find(':') == std::string::npos, "a user with a ':'", text);
    if (is_foreign_host(text, {"lab.example"}))
        return;
    const std::string host = *host_of(text);
    expect(host.find_first_of("/@ \r\n") == std::string::npos, "it is not foreign", text);
}

void read_body(const std::string& text) {
    try {
        Body body(text);
        const std::string probe = body.text("probe");
        expect(std::none_of(probe.begin(), probe.end(), [](unsigned char c) { return c < 0x20; }),
               "a control character", probe);
        body.number("limit-ns");
        body.flag("first");
        body.texts("prefixes");
        for (const std::string& each : body.assignments("parameters"))
            expect(is_identifier(each.substr(0, each.find('='))), "a name that is none", each);
        body.word("hook", {"tc", "xdp"});
        body.finish();
    } catch (const HttpError& error) {
        expect(error.status() == 400, "a body is the client's fault", error.what());
    }
}

// All of a document but its end and empty lines is in its families, and a document joined with
// itself has twice the samples.
void join(const std::string& text) {
    std::size_t metadata = 0;
    std::size_t samples = 0;
    for (const FamilyText& family : families_of(text)) {
        metadata += family.metadata.size();
        samples += family.samples.size();
    }
    expect(metadata + samples <= text.size(), "more than there is", text);
    JoinedExposition joined;
    if (!joined.add(text).empty())
        return;
    const std::size_t once = *joined.finish("")->size();
    expect(once <= text.size(), "more than there is", text);
}

void configure(const std::string& text, bool access) {
    try {
        if (access)
            AccessList::parse(text, "f");
        else
            WebConfig::parse(text, "/f");
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::rejected, error.what());
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 1u << 16)
        return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 6) {
    case 0:
        ask(text);
        break;
    case 1:
        read_headers(text);
        break;
    case 2:
        read_body(text);
        break;
    case 3:
        join(text);
        break;
    default:
        configure(text, data[0] % 2 == 0);
    }
    return 0;
}
