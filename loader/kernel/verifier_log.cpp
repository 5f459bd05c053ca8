// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/verifier_log.hpp"

#include <cctype>
#include <vector>

namespace dynmon {

namespace {

struct Pattern {
    std::string_view text;
    std::string_view hint;
};

// The usual ways to be refused, and the usual cure.
constexpr Pattern patterns[] = {
    {"invalid access to packet", "compare the pointer with pkt->data_end before reading"},
    {"invalid mem access 'map_value_or_null'", "check the result of the map lookup for NULL"},
    {"invalid mem access 'scalar'", "the pointer was lost: the verifier sees a plain number here"},
    {"invalid mem access 'inv'", "the pointer was lost: the verifier sees a plain number here"},
    {"unknown func", "this kernel does not have the helper"},
    {"program of this type cannot use helper", "the helper is not for XDP or TC programs"},
    {"back-edge", "this kernel allows no such loop: bound it or unroll it"},
    {"infinite loop detected", "the loop has no end: bound it by a constant"},
    {"stack", "the program uses more than 512 bytes of stack"},
    {"BPF program is too large", "a loop without an end, or too many paths: bound the loop, "
                                 "simplify the branches or split the program"},
    {"min value is negative", "make the index unsigned or check that it is not below 0"},
    {"BPF_STX uses reserved fields", "Linux before 5.12 knows one atomic operation: an addition "
                                     "whose result is not used"},
    {"misaligned", "use natural layout instead of a packed struct"},
    {"cannot call GPL-restricted", "include dynmon.h, which declares the licence"},
};

std::vector<std::string_view> lines_of(std::string_view log) {
    std::vector<std::string_view> lines;
    while (!log.empty()) {
        const std::size_t end = log.find('\n');
        std::string_view line = log.substr(0, end);
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0)
            line.remove_suffix(1);
        if (!line.empty())
            lines.push_back(line);
        if (end == std::string_view::npos)
            break;
        log.remove_prefix(end + 1);
    }
    return lines;
}

// Statistics, libbpf's frame around the log and the registers of a loop, which come behind the
// cause, do not say it.
bool is_footer(std::string_view line) {
    for (const std::string_view start :
         {"processed ", "verification time", "stack depth", "-- END PROG LOAD LOG",
          "libbpf:", "max_states_per_insn", "cur state:", "old state:"})
        if (line.starts_with(start))
            return true;
    return false;
}

// "12: (71) r1 = …"
bool is_instruction(std::string_view line) {
    const std::size_t colon = line.find(": (");
    if (colon == std::string_view::npos || colon == 0)
        return false;
    for (const char c : line.substr(0, colon))
        if (std::isdigit(static_cast<unsigned char>(c)) == 0)
            return false;
    return true;
}

// libbpf puts in place of the verifier's own words, which mean nothing to people:
// "failed to resolve CO-RE relocation <byte_off> [8] struct sk_buff.napi (0:1 @ offset 4)"
std::string lacking_in(std::string_view line) {
    constexpr std::string_view start = "failed to resolve CO-RE relocation ";
    const std::size_t from = line.find("] ");
    if (!line.starts_with(start) || from == std::string_view::npos)
        return "";
    return std::string(line.substr(from + 2, line.rfind(" (") - from - 2));
}

} // namespace

VerifierSummary summarize_verifier_log(std::string_view log) {
    const std::vector<std::string_view> lines = lines_of(log);
    VerifierSummary summary;
    std::size_t last = lines.size();
    while (last > 0 && is_footer(lines[last - 1]))
        --last;
    if (last == 0)
        return summary;
    // "R1 offset is outside of the packet" only explains the line before it.
    const bool explains = last > 1 && (lines[last - 1][0] == 'R' || lines[last - 1][0] == '\t') &&
                          !is_instruction(lines[last - 2]);
    const std::size_t first = explains ? last - 2 : last - 1;
    summary.decisive = lines[first];
    if (explains)
        summary.decisive.append("; ").append(lines[last - 1]);
    summary.omitted = lines.size() - (last - first);
    for (std::size_t i = first; i-- > 0 && summary.source.empty();) {
        if (summary.instruction.empty() && is_instruction(lines[i]))
            summary.instruction = lines[i];
        if (lines[i].starts_with("; "))
            summary.source = lines[i].substr(2);
    }
    summary.lacking = lacking_in(lines[first]);
    if (!summary.lacking.empty())
        summary.hint = "the kernel is another one than the probe was written for, or --btf names "
                       "the types of another kernel; bpf_core_field_exists() asks first";
    for (const Pattern& pattern : patterns) {
        if (summary.decisive.find(pattern.text) != std::string::npos) {
            summary.hint = pattern.hint;
            break;
        }
    }
    return summary;
}

namespace {

// At most that many bytes, of whole characters.
std::string shortened(std::string text, std::size_t most) {
    if (text.size() <= most)
        return text;
    constexpr std::string_view more = "…";
    std::size_t end = most - more.size();
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        --end;
    return text.substr(0, end).append(more);
}

std::string rejection_text(const std::string& program, const VerifierSummary& summary) {
    constexpr std::size_t most = 200; // of one line that people read
    if (!summary.lacking.empty())
        return shortened("the kernel's types have no '" + summary.lacking + "', which '" + program +
                             "' needs",
                         most);
    std::string text = "verifier rejected '" + program + "': " + summary.decisive;
    if (!summary.source.empty())
        text += "; at: " + summary.source;
    else if (!summary.instruction.empty())
        text += "; at: " + summary.instruction;
    text = shortened(std::move(text), most);
    if (summary.omitted > 0)
        text += " (" + std::to_string(summary.omitted) + " log lines omitted)";
    return text;
}

} // namespace

// The other constructor takes a reference: the log is moved from after it was read.
VerifierError::VerifierError(const std::string& program, int error_number, std::string log)
    : VerifierError(program, error_number, std::move(log), summarize_verifier_log(log)) {}

VerifierError::VerifierError(const std::string& program, int error_number, std::string&& log,
                             const VerifierSummary& summary)
    : Error(summary.lacking.empty() ? ErrorKind::rejected : ErrorKind::unsupported,
            rejection_text(program, summary), summary.lacking.empty() ? error_number : 0),
      log_(std::move(log)) {
    keep_errno_quiet(); // EACCES of the verifier is not about rights
    hint(summary.hint).or_hint("--verifier-log FILE writes the whole log");
}

} // namespace dynmon
