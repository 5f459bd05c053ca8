// SPDX-License-Identifier: BSD-2-Clause
// Who may do what: peers of unix sockets by their user, clients with a token, clients with a
// certificate.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "serve/request.hpp"
#include "serve/router.hpp"
#include "serve/secret_file.hpp"

namespace dynmon::serve {

struct Grant {
    std::string who; // for the log
    std::set<Right> rights;
    std::set<std::string> monitors; // empty: all
};

// An access file:
//
//     users:
//       - {user: prometheus, rights: [read]}
//       - {group: operators, rights: [read, load], monitors: [web]}
//     tokens:
//       - {name: ci, sha256: 64 hexadecimal digits, rights: [read, consume]}
//     certificates:
//       - {name: lab.example, rights: [read]}
class AccessList {
public:
    // Throws Error{rejected} "FILE:LINE:COL: …" with the first fault.
    static AccessList parse(std::string_view text, const std::string& path);

    // What the client may do by all that speaks for it. Throws HttpError{401} where it has to show
    // something, {403} where what it shows is not known. Root may do everything through a unix
    // socket, and so may the user that the server runs as.
    Grant grant_for(const Request& request) const;

private:
    struct Entry {
        Grant grant;
        std::optional<unsigned> uid, gid;
        std::string digest;      // of a token
        std::string certificate; // a name in it
    };

    Grant of_user(const Peer& peer) const;
    Grant of_token(const std::string& token) const;
    const Entry* of_certificate(const Peer& peer) const;

    std::vector<Entry> entries_;
};

// Throws HttpError{403} where the grant does not have the right of the route, or not for its
// monitor.
void require_right(const Grant& grant, const Match& match, const Target& target);

// The access file, read again when it has changed. Not thread-safe.
class AccessFile {
public:
    explicit AccessFile(std::string path); // reads it: throws Error
    const AccessList& now();               // throws Error

private:
    std::string path_;
    FileStamp stamp_;
    AccessList list_;
};

} // namespace dynmon::serve
