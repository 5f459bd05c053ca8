// SPDX-License-Identifier: BSD-2-Clause
#include "serve/access.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "manifest/document.hpp"
#include "manifest/fields.hpp"
#include "manifest/rules.hpp"
#include "object/allow_list.hpp"

namespace dynmon::serve {

namespace {

constexpr std::array<Right, 4> every_right{Right::read, Right::consume, Right::load, Right::deny};

const Choices<Right>& right_choices() {
    static const Choices<Right> choices = [] {
        Choices<Right> made;
        for (const Right right : every_right)
            made.emplace_back(to_string(right), right);
        return made;
    }();
    return choices;
}

bool is_digest(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
           });
}
constexpr TextRule digest_rule{is_digest,
                               "must be a SHA-256 of 64 hexadecimal digits, in lower case"};

Grant read_grant(const Fields& fields, std::string who, Faults& faults) {
    Grant grant{.who = std::move(who), .rights = {}, .monitors = {}};
    for (const Node& node : fields.list("rights"))
        if (const auto right = fields.choose(node, "rights", right_choices()))
            grant.rights.insert(*right);
    for (const Node& node : fields.list("monitors"))
        grant.monitors.insert(read_text(node, "monitors", rule::identifier, faults));
    return grant;
}

std::optional<unsigned> user_id(const Fields& fields, Faults& faults) {
    const std::string name = fields.text("user", rule::some_text);
    const passwd* const user = name.empty() ? nullptr : ::getpwnam(name.c_str());
    if (!name.empty() && user == nullptr)
        faults.add(fields.at("user"), "there is no user '" + name + "'");
    return user == nullptr ? std::nullopt : std::optional<unsigned>(user->pw_uid);
}

std::optional<unsigned> group_id(const Fields& fields, Faults& faults) {
    const std::string name = fields.text("group", rule::some_text);
    const group* const found = name.empty() ? nullptr : ::getgrnam(name.c_str());
    if (!name.empty() && found == nullptr)
        faults.add(fields.at("group"), "there is no group '" + name + "'");
    return found == nullptr ? std::nullopt : std::optional<unsigned>(found->gr_gid);
}

// "": there is none.
std::string bearer_token(const Request& request) {
    const std::string header = request.header("authorization");
    constexpr std::string_view scheme = "bearer ";
    if (header.size() <= scheme.size() ||
        !std::equal(scheme.begin(), scheme.end(), header.begin(), [](char a, char b) {
            return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
        }))
        return "";
    return header.substr(header.find_first_not_of(' ', scheme.size()));
}

Grant everything(std::string who) {
    return {
        .who = std::move(who), .rights = {every_right.begin(), every_right.end()}, .monitors = {}};
}

} // namespace

AccessList AccessList::parse(std::string_view text, const std::string& path) {
    AccessList list;
    Faults faults;
    if (const std::optional<Node> root = parse_document(text, faults.list())) {
        const Fields fields(*root, "an access file", {"users", "tokens", "certificates"}, {},
                            faults);
        for (const Node& node : fields.list("users")) {
            const Fields entry(node, "a user", {"user", "group", "rights", "monitors"}, {"rights"},
                               faults);
            if (entry.mentions("user") == entry.mentions("group"))
                faults.add(entry.at(), "an entry of 'users' has either 'user' or 'group'");
            list.entries_.push_back({.grant = read_grant(entry, "", faults),
                                     .uid = user_id(entry, faults),
                                     .gid = group_id(entry, faults),
                                     .digest = "",
                                     .certificate = ""});
        }
        for (const Node& node : fields.list("tokens")) {
            const Fields entry(node, "a token", {"name", "sha256", "rights", "monitors"},
                               {"name", "sha256", "rights"}, faults);
            list.entries_.push_back(
                {.grant =
                     read_grant(entry, "token " + entry.text("name", rule::identifier), faults),
                 .uid = {},
                 .gid = {},
                 .digest = entry.text("sha256", digest_rule),
                 .certificate = ""});
        }
        for (const Node& node : fields.list("certificates")) {
            const Fields entry(node, "a certificate", {"name", "rights", "monitors"},
                               {"name", "rights"}, faults);
            const std::string name = entry.text("name", rule::some_text);
            list.entries_.push_back({.grant = read_grant(entry, "certificate " + name, faults),
                                     .uid = {},
                                     .gid = {},
                                     .digest = "",
                                     .certificate = name});
        }
    }
    faults.reject(path, "no request is answered until the file can be read");
    return list;
}

Grant AccessList::grant_for(const Request& request) const {
    if (const std::string token = bearer_token(request); !token.empty())
        return of_token(token);
    if (request.peer.local)
        return of_user(request.peer);
    if (const Entry* const entry = of_certificate(request.peer); entry != nullptr)
        return entry->grant;
    throw HttpError(401, "this server wants a token", "authorization",
                    "Authorization: Bearer TOKEN")
        .with("WWW-Authenticate", "Bearer");
}

Grant AccessList::of_user(const Peer& peer) const {
    if (peer.uid == 0 || peer.uid == ::geteuid())
        return everything(peer.key);
    Grant grant{.who = peer.key, .rights = {}, .monitors = {}};
    for (const Entry& entry : entries_) {
        const bool is_theirs = entry.uid
                                   ? *entry.uid == peer.uid
                                   : entry.gid && (*entry.gid == peer.gid ||
                                                   std::find(peer.groups.begin(), peer.groups.end(),
                                                             *entry.gid) != peer.groups.end());
        if (is_theirs) { // the first that fits
            grant.rights = entry.grant.rights;
            grant.monitors = entry.grant.monitors;
            return grant;
        }
    }
    throw HttpError(403, "user " + std::to_string(peer.uid) + " has no rights here", "",
                    "`users` of the access file, or a token");
}

// All of them are looked at, so that the time says nothing of which it was.
Grant AccessList::of_token(const std::string& token) const {
    const std::string digest = sha256_hex(std::as_bytes(std::span(token)));
    const Entry* found = nullptr;
    for (const Entry& entry : entries_)
        if (!entry.digest.empty() && equal_in_constant_time(entry.digest, digest))
            found = &entry;
    if (found == nullptr)
        throw HttpError(401, "this token is not known", "authorization")
            .with("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    return found->grant;
}

const AccessList::Entry* AccessList::of_certificate(const Peer& peer) const {
    for (const Entry& entry : entries_)
        if (!entry.certificate.empty() &&
            std::find(peer.names.begin(), peer.names.end(), entry.certificate) != peer.names.end())
            return &entry;
    return nullptr;
}

void require_right(const Grant& grant, const Match& match, const Target& target) {
    const Route& route = *match.route;
    if (route.endpoint == Endpoint::healthy || route.endpoint == Endpoint::ready)
        return;
    if (!grant.rights.contains(route.right))
        throw HttpError(403, grant.who + " has not the right '" + to_string(route.right) + "'", "",
                        "the access file gives rights");
    if (grant.monitors.empty() || route.endpoint == Endpoint::openapi)
        return;
    const auto named = match.names.find("monitor");
    const std::string monitor =
        named != match.names.end() ? named->second : target.parameter("monitor");
    if (!grant.monitors.contains(monitor))
        throw HttpError(403,
                        monitor.empty() ? grant.who + " has no right to see all monitors"
                                        : grant.who + " has no right to monitor '" + monitor + "'",
                        "monitor", monitor.empty() ? "?monitor=NAME" : "");
}

AccessFile::AccessFile(std::string path)
    : path_(std::move(path)), stamp_(path_),
      list_(AccessList::parse(read_checked(path_, Secrecy::secret), path_)) {}

const AccessList& AccessFile::now() {
    if (const FileStamp stamp(path_); !(stamp == stamp_)) {
        list_ = AccessList::parse(read_checked(path_, Secrecy::secret), path_);
        stamp_ = stamp;
    }
    return list_;
}

} // namespace dynmon::serve
