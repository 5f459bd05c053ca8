// SPDX-License-Identifier: BSD-2-Clause
// Sockets to listen on: those that systemd hands over, and those that --listen names.
// https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "serve/request.hpp"

namespace dynmon::serve {

struct Listener {
    Fd fd;
    bool local = false;    // a unix socket
    bool loopback = false; // a unix socket, or bound to a loopback address
    std::string name;      // "unix:/run/dynmon/read.sock", "127.0.0.1:9436"
    std::string path;      // of a unix socket that we made and remove; "": another process's
};

// "unix:PATH" or "ADDRESS:PORT" ("[::1]:9436"; port 0: one that is free, which `name` has).
// A unix socket is made with `mode`; one that no process listens on is replaced. Throws
// Error{usage} for another text, Error{busy} for an address that is taken, Error{failed}.
Listener listen_on(const std::string& address, unsigned mode);

// LISTEN_PID, LISTEN_FDS: the sockets that this process was started with; none: it was not.
// Removes the variables, so that no child takes them for its own. Throws Error{usage} for a
// descriptor that does not listen.
std::vector<Listener> inherited_listeners();

// READY=1, STOPPING=1 … to the service manager, if there is one (NOTIFY_SOCKET).
void notify_manager(const std::string& state);

struct Accepted {
    Fd fd; // empty: no client waits
    Peer peer;
    std::vector<char> address; // as accept(2) has it
};
// Does not wait. Throws Error{failed}.
Accepted accept_on(const Listener& listener);

} // namespace dynmon::serve
