// SPDX-License-Identifier: BSD-2-Clause
// What libbpf says while it works, collected instead of printed.
#pragma once

#include <string>
#include <string_view>

namespace dynmon {

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
