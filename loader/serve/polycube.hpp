// SPDX-License-Identifier: BSD-2-Clause
// The answers of /polycube/v1: what clients of Polycube's Dynmon ask for, on monitors of dynmon.
// The shapes are those of Polycube's REST interface (services dynmon 1.1 and firewall): a list ends
// with ["_links", […]], metrics of a document with `empty-on-read` are taken by looking at them, a
// change answers 201 with nothing.
//
// What differs: documents are probes that `dynmon-load import`, or the compile helper, made of them
// and are found by digest; a document that does not load leaves the running one as it is, and the
// client gets the reason.
#pragma once

#include <string>

#include "control/settings.hpp"
#include "serve/reply.hpp"
#include "serve/router.hpp"

namespace dynmon::serve {

class DocumentProbes;

// What a request below /polycube/v1 is about. Throws HttpError as route() does.
Match polycube_match(const std::string& method, const Target& target);

// `cubes`: the folder of class Cubes. May wait for locks, maps and the verifier. Throws HttpError,
// NotImported before anything has changed, and Error as the verbs do.
Reply polycube_reply(const Settings& settings, const std::string& cubes, DocumentProbes& probes,
                     const Request& request);

// An error as Polycube's clients print it: a line of text.
Reply polycube_error(const HttpError& error);

} // namespace dynmon::serve
