// SPDX-License-Identifier: BSD-2-Clause
#include <fstream>

#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "object/allow_list.hpp"
#include "object/test_objects.hpp"
#include "serve/access.hpp"
#include "serve/web_config.hpp"

using namespace dynmon;
using namespace dynmon::serve;

namespace {

std::string digest(const std::string& token) {
    return sha256_hex(std::as_bytes(std::span(token)));
}

Request with_token(const std::string& token) {
    Request request;
    request.headers["authorization"] = "bearer " + token;
    return request;
}

template <typename Call>
std::string fault_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    } catch (const HttpError& error) {
        return std::to_string(error.status());
    }
    return "";
}

} // namespace

TEST_CASE("a token has the rights of its entry") {
    const AccessList list = AccessList::parse("tokens:\n  - {name: a, sha256: " + digest("one") +
                                                  ", rights: [read, load], monitors: [web]}\n"
                                                  "  - {name: b, sha256: " +
                                                  digest("two") + ", rights: [consume]}\n",
                                              "access.yaml");
    const Grant grant = list.grant_for(with_token("one"));
    CHECK(grant.who == "token a");
    CHECK(grant.rights == std::set<serve::Right>{serve::Right::read, serve::Right::load});
    CHECK(list.grant_for(with_token("two")).monitors.empty());
    CHECK(fault_of([&] { list.grant_for(with_token("three")); }) == "401");
    CHECK(fault_of([&] { list.grant_for(Request{}); }) == "401");

    const auto right = [&](const std::string& method, const std::string& target) {
        const Target parsed = parse_target(target);
        return fault_of([&] { require_right(grant, route(method, parsed), parsed); });
    };
    CHECK(right("GET", "/metrics?monitor=web") == "");
    CHECK(right("PUT", "/api/v1/monitors/web") == "");
    CHECK(right("GET", "/metrics") == "403");
    CHECK(right("GET", "/api/v1/status") == "403");
    CHECK(right("PUT", "/api/v1/monitors/edge") == "403");
    CHECK(right("POST", "/api/v1/monitors/web/windows") == "403");
}

TEST_CASE("root and the server's own user may do everything through a unix socket") {
    const AccessList list = AccessList::parse("users: [{user: daemon, rights: [read]}]", "a");
    Request request;
    request.peer = {.key = "uid 0", .local = true};
    CHECK(list.grant_for(request).rights.size() == 4);
    request.peer.uid = ::geteuid();
    CHECK(list.grant_for(request).rights.size() == 4);
    request.peer.uid = 1; // daemon, in Debian
    CHECK(list.grant_for(request).rights == std::set<serve::Right>{serve::Right::read});
    request.peer.uid = 54321;
    CHECK(fault_of([&] { list.grant_for(request); }) == "403");
    request.peer.groups = {7, 1};
    CHECK(fault_of([&] { list.grant_for(request); }) == "403");
}

TEST_CASE("what is wrong in an access file is named with its place") {
    for (const auto& [text, fault] :
         {std::pair{"tokens: [{name: a, sha256: 12, rights: [read]}]", "a.yaml:1:28"},
          std::pair{"tokens: [{name: a, rights: [read]}]", "a.yaml:1:10"},
          std::pair{"users: [{user: daemon, rights: [write]}]", "a.yaml:1:33"},
          std::pair{"users: [{user: no-such-user-here, rights: [read]}]", "a.yaml:1:16"},
          std::pair{"users: [{rights: [read]}]", "a.yaml:1:9"},
          std::pair{"passwords: []", "a.yaml:1:1"}})
        CHECK_MESSAGE(fault_of([&] { AccessList::parse(text, "a.yaml"); }).starts_with(fault),
                      fault_of([&] { AccessList::parse(text, "a.yaml"); }));
}

TEST_CASE("a file with tokens belongs to its reader alone") {
    const test::TemporaryFolder folder;
    const std::string path = (folder.path() / "access.yaml").string();
    std::ofstream(path) << "tokens: []\n";
    ::chmod(path.c_str(), 0600);
    AccessFile file(path);
    ::chmod(path.c_str(), 0640);
    CHECK(fault_of([&] { file.now(); }).find("can be read by other users") != std::string::npos);
    ::chmod(path.c_str(), 0600);
    CHECK(fault_of([&] { file.now(); }) == "");
}

TEST_CASE("a web configuration is that of Prometheus") {
    const WebConfig config = WebConfig::parse(
        "tls_server_config:\n  cert_file: a.crt\n  key_file: /k/a.key\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
        "  client_allowed_sans: [x]\n  min_version: TLS13\nhttp_server_config:\n  http2: false\n"
        "basic_auth_users:\n  u: $2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n",
        "/etc/web.yml");
    CHECK(config.certificate_file == "/etc/a.crt");
    CHECK(config.key_file == "/k/a.key");
    CHECK(config.tls.auth == ClientAuth::verify);
    CHECK(config.tls.priorities == "NORMAL:-VERS-ALL:+VERS-TLS1.3");
    CHECK(config.basic_auth_users.size() == 1);
    for (const char* const text :
         {"basic_auth_users: {u: $2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a}",
          "tls_server_config: {cert_file: a}",
          "tls_server_config: {cert_file: a, key_file: b, cipher_suites: [x]}",
          "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}",
          "tls_server_config: {cert_file: a, key_file: b, client_auth_type: "
          "RequireAndVerifyClientCert}",
          "tls_server_config: {cert_file: a, key_file: b, client_allowed_sans: [x]}",
          "tls_server_config: {cert_file: a, key_file: b}\nbasic_auth_users: {u: plain}"})
        CHECK_MESSAGE(fault_of([&] { WebConfig::parse(text, "w.yml"); }).starts_with("w.yml:"),
                      text);
}

TEST_CASE("passwords are held against bcrypt") {
    const std::string hash = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
    const auto shown = Passwords::read("Basic dTpzZWNyZXQ="); // u:secret
    REQUIRE(shown);
    CHECK(shown->user == "u");
    CHECK(shown->password == "secret");
    Passwords passwords;
    CHECK(!passwords.is_remembered(*shown, hash));
    CHECK(!passwords.is_right({"u", "guess"}, hash));
    CHECK(!passwords.is_right(*shown, ""));
    CHECK(passwords.is_right(*shown, hash));
    CHECK(passwords.is_remembered(*shown, hash));
    CHECK(!passwords.is_remembered(*shown, hash + "x"));
    for (const char* const header : {"", "Basic", "Basic !!!", "Bearer dTpz", "Basic dQ=="})
        CHECK_MESSAGE(!Passwords::read(header), header);
}
