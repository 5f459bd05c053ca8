// SPDX-License-Identifier: BSD-2-Clause
// A verifier log boiled down to the line that decided, and what it usually means. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynmon {

struct VerifierSummary {
    std::string decisive;    // "R2 invalid mem access 'scalar'": the last line that says something,
                             // after the one that it explains, if there is such
    std::string instruction; // "5: (71) r1 = *(u8 *)(r2 +0)"; may be empty
    std::string source;      // the C line as the log quotes it; may be empty
    std::size_t omitted = 0; // lines of the log that are not shown
    std::string lacking;     // "struct sk_buff.napi": what CO-RE did not find; may be empty
    std::string hint;        // one sentence for well-known patterns; may be empty
};

VerifierSummary summarize_verifier_log(std::string_view log);

// Thrown when the kernel refuses a program; log() is everything the verifier said. Its kind
// is `unsupported` when the kernel lacks a type or field that the program names, else `rejected`.
class VerifierError : public Error {
public:
    VerifierError(const std::string& program, int error_number, std::string log);
    const std::string& log() const { return log_; }

private:
    VerifierError(const std::string& program, int error_number, std::string&& log,
                  const VerifierSummary& summary);
    std::string log_;
};

} // namespace dynmon
