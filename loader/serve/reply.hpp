// SPDX-License-Identifier: BSD-2-Clause
// An answer, and the ways in which its bytes come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "serve/request.hpp"

namespace dynmon::serve {

// Bytes of an answer that do not stand in memory whole. The server's thread calls all of it; two
// answers may share one where read() says so.
class Content {
public:
    virtual ~Content() = default;
    virtual std::optional<std::uint64_t> size() const = 0; // nothing: a stream
    // At most `most` bytes from position `at` on. Nothing: it has failed, and the connection is cut
    // so that the client does not take what it has for the whole. 0: the end of a stream, if
    // ended(); else nothing now, and fd() can be read when there is more.
    virtual std::optional<std::size_t> read(std::uint64_t at, char* into, std::size_t most) = 0;
    virtual bool ended() const { return true; }
    virtual int fd() const { return -1; }
};

struct Reply {
    int status = 200;
    std::string type = "application/json";
    std::string text;                 // the body, unless there is `content`
    std::shared_ptr<Content> content; // null: `text`
    std::vector<std::pair<std::string, std::string>> headers;
};

// {"what": …, "field": …, "hint": …}
Reply error_reply(const HttpError& error);

// Gives the answer, once, from any thread.
using Respond = std::function<void(Reply)>;

class Handler {
public:
    virtual ~Handler() = default;
    // In the server's thread: what takes long goes on elsewhere and calls `respond` from there.
    // What it throws is answered as an error.
    virtual void handle(const Request& request, const Respond& respond) = 0;
    // Before the body is read: throws HttpError for what is refused by its header alone.
    virtual void admit(const Request& /*request*/) {}
    virtual void answered(const Request& /*request*/, int /*status*/, double /*seconds*/) {}
};

} // namespace dynmon::serve
