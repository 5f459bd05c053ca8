// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/identifier.hpp"

namespace dynmon {

namespace {

constexpr std::size_t longest_name = 127;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

bool is_c_name(std::string_view text) {
    return !text.empty() && text.size() <= longest_name && !is_digit(text.front()) &&
           std::all_of(text.begin(), text.end(), is_word_char);
}

// What the sections of global data are called, of which each is a map.
bool is_section_name(std::string_view text) {
    if (text.size() > longest_name)
        return false;
    for (const std::string_view section : {".bss", ".data", ".rodata"}) {
        if (!text.starts_with(section))
            continue;
        const std::string_view rest = text.substr(section.size());
        return rest.empty() || (rest.size() > 1 && rest.front() == '.' &&
                                std::all_of(rest.begin() + 1, rest.end(), is_word_char));
    }
    return false;
}

bool is_map_name(std::string_view text) {
    return is_c_name(text) || is_section_name(text);
}

bool is_file_name(std::string_view text) {
    return !text.empty() && text.size() <= 255 && text != "." && text != ".." &&
           text.find_first_of("/\n\t") == text.npos;
}

// le and quantile belong to histograms and summaries; the others dynmon puts on every sample.
bool is_label_name(std::string_view text) {
    constexpr std::array<std::string_view, 5> taken = {"le", "quantile", "monitor", "direction",
                                                       "device"};
    return is_c_name(text) && !text.starts_with("__") &&
           std::find(taken.begin(), taken.end(), text) == taken.end();
}

bool is_family_name(std::string_view text) {
    constexpr std::array<std::string_view, 8> reserved = {"_total",   "_bucket", "_count", "_sum",
                                                          "_created", "_gcount", "_gsum",  "_info"};
    return is_c_name(text) && std::none_of(reserved.begin(), reserved.end(),
                                           [&](auto suffix) { return text.ends_with(suffix); });
}

bool is_unit(std::string_view text) {
    return is_c_name(text) && text.front() >= 'a' && text.front() <= 'z' &&
           std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// (.name | [digits])*, and [] for every element when `every` is allowed
bool is_path_rest(std::string_view rest, bool every) {
    while (!rest.empty()) {
        const bool index = rest.front() == '[';
        if (!index && rest.front() != '.')
            return false;
        rest.remove_prefix(1);
        const std::size_t end = std::min(rest.find_first_of(index ? "]" : ".["), rest.size());
        const std::string_view part = rest.substr(0, end);
        if (!index && !is_c_name(part))
            return false;
        if (index && (end == rest.size() || (part.empty() && !every) || part.size() > 9 ||
                      !std::all_of(part.begin(), part.end(), is_digit)))
            return false;
        rest.remove_prefix(index ? end + 1 : end);
    }
    return true;
}

bool is_path(std::string_view text, std::string_view root, bool every) {
    return text.starts_with(root) && is_path_rest(text.substr(root.size()), every);
}

bool is_key_field(std::string_view text) {
    return is_path(text, "key", false);
}

bool is_value_field(std::string_view text) {
    return is_path(text, "value", false);
}

bool is_value_path(std::string_view text) {
    return is_path(text, "value", true);
}

bool is_format(std::string_view text) {
    for (const std::string_view prefix : {"enum:", "flags:"})
        if (text.starts_with(prefix))
            return is_c_name(text.substr(prefix.size()));
    return is_c_name(text);
}

bool is_any_path(std::string_view text) {
    return is_path(text, "key", true) || is_path(text, "value", true);
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = std::min(text.find_first_not_of(' '), text.size());
    return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

bool is_factor(std::string_view text) {
    constexpr std::size_t most_digits = 10;
    return is_c_name(text) || (!text.empty() && text.size() <= most_digits &&
                               std::all_of(text.begin(), text.end(), is_digit));
}

bool is_sha256(std::string_view text) {
    constexpr std::size_t digits = 64;
    return text.size() == digits &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_product(std::string_view text) {
    const std::vector<std::string> factors = factors_of(text);
    return std::all_of(factors.begin(), factors.end(), is_factor);
}

} // namespace

std::vector<std::string> factors_of(std::string_view text) {
    std::vector<std::string> factors;
    for (;;) {
        const std::size_t star = text.find('*');
        factors.emplace_back(trimmed(text.substr(0, star)));
        if (star == text.npos)
            return factors;
        text.remove_prefix(star + 1);
    }
}

const TextRule rule::any_text = {[](std::string_view) { return true; }, "is text"};
const TextRule rule::some_text = {[](std::string_view text) { return !text.empty(); },
                                  "must not be empty"};
const TextRule rule::identifier = {is_identifier,
                                   "must be 1 to 63 of the characters A-Z a-z 0-9 _ - and "
                                   "not start with - or __stage_"};
const TextRule rule::c_name = {is_c_name, "must be a name as in C"};
const TextRule rule::format_name = {
    is_format, "must be the name of a format such as ipv4, enum:NAME or flags:NAME"};
const TextRule rule::map_name = {is_map_name, "must be a name as in C, or .bss, .data, .rodata"};
const TextRule rule::file_name = {is_file_name, "must be the name of a file beside the manifest"};
const TextRule rule::label_name = {
    is_label_name, "must be letters, digits and _, not start with a digit or __, and not "
                   "be le, quantile, monitor, direction or device"};
const TextRule rule::family_name = {
    is_family_name, "must be letters, digits and _, not start with a digit, and not end "
                    "with _total, _bucket, _count, _sum, _created, _gcount, _gsum or "
                    "_info"};
const TextRule rule::unit_name = {is_unit, "must be lower-case letters, digits and _"};
const TextRule rule::key_field = {is_key_field,
                                  "must be a field of the key such as key.proto or key"};
const TextRule rule::value_field = {is_value_field,
                                    "must be a field of the value such as value.packets or value"};
const TextRule rule::value_path = {
    is_value_path, "must be a field of the value such as value.packets or value.per[].x"};
const TextRule rule::any_path = {is_any_path, "must be a field such as key.saddr or value.packets"};
const TextRule rule::sha256 = {is_sha256, "must be 64 hex digits in lower case"};
const TextRule rule::product = {is_product,
                                "must be whole numbers and parameters with * in between"};

const Choices<HookKind> hook_choices = {{"tc", HookKind::tc}, {"xdp", HookKind::xdp}};
// Network cards that run BPF themselves know no PROG_ARRAY, so no chain.
const Choices<XdpMode> xdp_mode_choices = {{"native", XdpMode::native},
                                           {"generic", XdpMode::generic}};
const Choices<bool> fallback_choices = {{"none", false}, {"generic", true}};
const Choices<bool> verdict_choices = {{"pass", false}, {"drop", true}};
const Choices<Power> power_choices = {
    {"drop", Power::drop},         {"write-packets", Power::write_packets},
    {"redirect", Power::redirect}, {"read-kernel", Power::read_kernel},
    {"timers", Power::timers},     {"loops", Power::loops}};
const Choices<MetricType> type_choices = {{"counter", MetricType::counter},
                                          {"gauge", MetricType::gauge},
                                          {"histogram", MetricType::histogram},
                                          {"untyped", MetricType::untyped}};
const Choices<BucketScale> scale_choices = {{"log2", BucketScale::log2},
                                            {"linear", BucketScale::linear}};
const Choices<Merge> merge_choices = {
    {"sum", Merge::sum},   {"max", Merge::max},   {"min", Merge::min},  {"first", Merge::first},
    {"last", Merge::last}, {"or", Merge::bit_or}, {"none", Merge::none}};
const Choices<Merge> field_merge_choices = {{"sum", Merge::sum},     {"max", Merge::max},
                                            {"min", Merge::min},     {"first", Merge::first},
                                            {"last", Merge::last},   {"or", Merge::bit_or},
                                            {"leads", Merge::leads}, {"follows", Merge::follows}};

std::string_view without_total(std::string_view name) {
    constexpr std::string_view total = "_total";
    return name.ends_with(total) ? name.substr(0, name.size() - total.size()) : name;
}

} // namespace dynmon
