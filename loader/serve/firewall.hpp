// SPDX-License-Identifier: BSD-2-Clause
// Rules of Polycube's firewall as entries of a monitor's deny list and allow list: what TOSHI's
// firewall_updater sends.
#pragma once

#include <string>

#include "control/settings.hpp"
#include "serve/reply.hpp"

namespace dynmon::serve {

// The installed probe that has these lists.
inline constexpr const char* firewall_probe = "ssdp";

// {"rules": [{"operation": "append", "src": "203.0.113.0/24", "action": "drop"}, …]}: `append` and
// `insert` add, `delete` removes; `drop` is the deny list, `forward` the allow list. All of it or
// nothing. Throws HttpError{400} with a JSON pointer for what the lists have no place for: the
// egress chain, ports, protocols, ids. May wait for locks.
void change_rules(const Settings& settings, const std::string& monitor, const std::string& chain,
                  const std::string& body, const std::string& source);

// The rules of a chain as a JSON list, which ends with its links.
Reply show_rules(const Settings& settings, const std::string& monitor, const std::string& chain);

} // namespace dynmon::serve
