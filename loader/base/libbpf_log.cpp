// SPDX-License-Identifier: BSD-2-Clause
#include "base/libbpf_log.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include <bpf/libbpf.h>

namespace dynmon {

namespace {
thread_local LibbpfLog* innermost = nullptr;
}

struct LibbpfLogSink {
    // Warnings only: at debug level libbpf tells the story of every relocation.
    static int print(libbpf_print_level level, const char* format, va_list arguments) {
        if (level != LIBBPF_WARN || innermost == nullptr)
            return 0;
        char* line = nullptr;
        const int length = vasprintf(&line, format, arguments);
        if (length > 0)
            innermost->text_.append(line, static_cast<std::size_t>(length));
        std::free(line);
        return length;
    }
};

LibbpfLog::LibbpfLog() : outer_(innermost) {
    innermost = this;
    libbpf_set_print(LibbpfLogSink::print);
}

LibbpfLog::~LibbpfLog() {
    innermost = outer_;
}

std::string last_complaint(std::string_view log) {
    constexpr std::string_view prefix = "libbpf: ";
    std::string_view best;
    for (std::size_t start = 0; start < log.size();) {
        const std::size_t end = std::min(log.find('\n', start), log.size());
        const std::string_view line = log.substr(start, end - start);
        if (line.starts_with(prefix) && !line.starts_with("libbpf: failed to load object"))
            best = line.substr(prefix.size());
        start = end + 1;
    }
    return std::string(best);
}

} // namespace dynmon
