// SPDX-License-Identifier: BSD-2-Clause
// Messages to the user beside the result: always on stderr, so that stdout stays parsable. libbpf's
// messages come here too.
#pragma once

#include <string>
#include <string_view>

namespace dynmon::log {

void set_verbose(bool verbose); // show debug()
void set_quiet(bool quiet);     // hide info()
void debug(const std::string& message);
void info(const std::string& message);
void warn(const std::string& message);

} // namespace dynmon::log

// How the messages of log.hpp are written.

namespace dynmon::log {

// From now on a message is a document on a line of its own: {"warning": "…"}, {"info": …} or
// {"debug": …}.
void set_json();

} // namespace dynmon::log

namespace dynmon {

// What libbpf says while it works, collected instead of printed.

// Collects libbpf's warnings of the calling thread for as long as it lives; nests.
class LibbpfLog {
public:
    LibbpfLog();
    ~LibbpfLog();
    LibbpfLog(const LibbpfLog&) = delete;
    LibbpfLog& operator=(const LibbpfLog&) = delete;

    const std::string& text() const { return text_; }

private:
    friend struct LibbpfLogSink;
    std::string text_;
    LibbpfLog* outer_;
};

// The last complaint in such a text, in one line; "" if there is none.
std::string last_complaint(std::string_view log);

} // namespace dynmon
