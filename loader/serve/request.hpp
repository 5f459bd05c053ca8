// SPDX-License-Identifier: BSD-2-Clause
// What a client asks for, once it is decoded and checked. Pure: everything here takes bytes of
// strangers and needs neither a socket nor the library that read them.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynmon::serve {

// An answer that is an error. `field` names what is wrong in the request: a header, a parameter, a
// segment of the path, a JSON pointer into the body; "": the request as a whole.
class HttpError : public std::exception {
public:
    HttpError(int status, std::string what, std::string field = "", std::string hint = "")
        : status_(status), what_(std::move(what)), field_(std::move(field)),
          hint_(std::move(hint)) {}
    // Adds a header of the answer, such as Retry-After.
    HttpError& with(std::string name, std::string value) {
        headers_.emplace_back(std::move(name), std::move(value));
        return *this;
    }

    int status() const { return status_; }
    const std::string& field() const { return field_; }
    const std::string& hint() const { return hint_; }
    const std::vector<std::pair<std::string, std::string>>& headers() const { return headers_; }
    const char* what() const noexcept override { return what_.c_str(); }

private:
    int status_;
    std::string what_;
    std::string field_;
    std::string hint_;
    std::vector<std::pair<std::string, std::string>> headers_;
};

// A request target in origin form (RFC 9112, 3.2.1), decoded once.
struct Target {
    std::vector<std::string> segments; // of the path; neither "" nor "." nor ".."
    std::map<std::string, std::string> query;

    std::string path() const; // "/a/b", for messages: not encoded again
    // "": it is not there.
    std::string parameter(const std::string& name) const;
};

// Collapses "//" and a "/" at the end. Throws HttpError{400} for what is no path from the root, a
// "." or "..", a "%" without two digits, an encoded "/", control characters, bytes that are no
// UTF-8 and a parameter that stands there twice; {414} beyond `most_target` bytes.
inline constexpr std::size_t most_target = 4096;
Target parse_target(std::string_view raw);

// A segment of a path with what does not stand for itself there as %XX (RFC 3986, 2.3).
std::string percent_encoded(std::string_view segment);

// The host of a Host header without its port: "localhost", "::1". Nothing: it is malformed.
std::optional<std::string> host_of(std::string_view header);
// Whether a page of another site that has its name pointed here (DNS rebinding) could have sent
// this Host: it is neither a loopback address, nor "localhost", nor one of `names`.
bool is_foreign_host(std::string_view header, const std::vector<std::string>& names);

// The quality (RFC 9110, 12.5.1) that an Accept header gives to `type` ("text/plain") with
// parameter `parameter` ("version=1.0.0"; "": any). 0: not acceptable; no header accepts all.
double quality_of(std::string_view accept, std::string_view type, std::string_view parameter = "");

// Whether an If-Match or If-None-Match header lists `tag` (or is "*"); weak tags match.
bool matches_tag(std::string_view header, std::string_view tag);

struct Peer {
    std::string key;    // whose connections are counted together: "uid 0", "127.0.0.1"
    bool local = false; // a unix socket: uid and gid are those of the other end
    unsigned uid = 0, gid = 0;
    std::vector<unsigned> groups; // the others of the other end
    bool tls = false;
    std::vector<std::string> names; // of a certificate that was verified: SANs and common name
};

struct Request {
    std::string method;
    Target target;
    std::map<std::string, std::string> headers; // names in lower case
    std::string body;
    Peer peer;

    std::string header(const std::string& lower_case_name) const; // "": it is not there
    bool reads() const { return method == "GET" || method == "HEAD"; }
};

} // namespace dynmon::serve
