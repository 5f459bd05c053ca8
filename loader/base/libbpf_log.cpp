#include "base/libbpf_log.hpp"

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

} // namespace dynmon
